"""What is taken out of a text, and what stays in it."""

from __future__ import annotations

import pytest

from nemo_watchdog.redaction.redactor import Redactor

R = "[redacted]"
PKCS8, END_PKCS8 = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
PGP, END_PGP = "-----BEGIN PGP PRIVATE KEY BLOCK-----", "-----END PGP PRIVATE KEY BLOCK-----"
PEM = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy"

TEXTS = [
    # by name
    ("DB_PASSWORD=hunter2", f"DB_PASSWORD={R}"),
    ("PGPASSWORD=a,b;c d", f"PGPASSWORD={R} d"),
    ("MYSQL_PWD=x", f"MYSQL_PWD={R}"),
    ('"password": "abc \\" def", "user": "u"', f'"password": "{R}", "user": "u"'),
    ("{'secret_key': 'a', 'b': 1}", f"{{'secret_key': '{R}', 'b': 1}}"),
    ('{\\"apiKey\\": \\"abc\\", \\"n\\": 1}', f'{{\\"apiKey\\": \\"{R}\\", \\"n\\": 1}}'),
    ("connect(password=hunter2, host=db)", f"connect(password={R}, host=db)"),
    ("client_secret: hunter2", f"client_secret: {R}"),
    ("DB_PASSWORD_PROD => hunter2", f"DB_PASSWORD_PROD => {R}"),
    ("the api key: sUp3rs3cr3t was refused", f"the api key: {R} was refused"),
    ("serve --api-key abc --port 8000", f"serve --api-key {R} --port 8000"),
    ("serve --token=abc --port=8000", f"serve --token={R} --port=8000"),
    ("X-Api-Key: abc", f"X-Api-Key: {R}"),
    ("sessionid=Ab12cd34ef; path=/", f"sessionid={R}; path=/"),
    ('password="never closed\nnext', f'password="{R}\nnext'),
    ("user=app password='a b' host=h", f"user=app password='{R}' host=h"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY", f"aws_secret_access_key = {R}"),
    # in places
    ("postgresql://app:pa@ss@db:5432/shop", f"postgresql://app:{R}@db:5432/shop"),
    ("redis://:hunter2@redis:6379/0", f"redis://:{R}@redis:6379/0"),
    ("git clone https://x0Ab12cd34Ef56gh78@git.example/r", f"git clone https://{R}@git.example/r"),
    ("GET /a?token=abc&page=2&sig=Ab3dEf90Xy HTTP/1.1", f"GET /a?token={R}&page=2&sig={R} HTTP/1.1"),
    ("GET /a?key=Ab3dEf90Xy HTTP/1.1", f"GET /a?key={R} HTTP/1.1"),
    ("Authorization: Bearer abc.def", f"Authorization: Bearer {R}"),
    ("-H 'Authorization: Basic dXNlcjpwYXNz' http://h", f"-H 'Authorization: Basic {R}' http://h"),
    ('"authorization": "Bearer abc"', f'"authorization": "Bearer {R}"'),
    ("sent Bearer Ab12cd34ef", f"sent Bearer {R}"),
    ("sent basic dXNlcjpwYXNz", f"sent basic {R}"),
    ("Cookie: a=b; c=d\nHost: h", f"Cookie: {R}\nHost: h"),
    ("Set-Cookie: sid=1; HttpOnly", f"Set-Cookie: {R}"),
    ("ALTER USER app PASSWORD 'x''y';", f"ALTER USER app PASSWORD '{R}';"),
    ("CREATE USER a IDENTIFIED BY 'x'", f"CREATE USER a IDENTIFIED BY '{R}'"),
    ("redis-server --port 1 requirepass abc", f"redis-server --port 1 requirepass {R}"),
    ("redis-cli -h r -a abc ping", f"redis-cli -h r -a {R} ping"),
    ("mysqldump -uroot -pabc shop", f"mysqldump -uroot -p{R} shop"),
    ("sshpass -p abc ssh host", f"sshpass -p {R} ssh host"),
    ("curl -u me:abc http://h", f"curl -u me:{R} http://h"),
    # by shape
    ("key AKIAIOSFODNN7EXAMPLE.", f"key {R}."),
    (f"ghp_{'a1' * 18} github_pat_{'A1' * 20}", f"{R} {R}"),
    (f"glpat-{'x' * 20}", R),
    (f"xoxb-{'1' * 12}-abcdef", R),
    (f"https://hooks.slack.com/services/T0000/B0000/{'x' * 24}", f"https://hooks.slack.com/services/{R}"),
    (f"discord.com/api/webhooks/123456789012345678/{'x' * 60}", f"discord.com/api/webhooks/123456789012345678/{R}"),
    (f"https://acme.webhook.office.com/webhookb2/{'x' * 40}", f"https://acme.webhook.office.com/{R}"),
    (f"sk_live_{'a' * 24} rk_test_{'b' * 24}", f"{R} {R}"),
    (f"AIza{'x' * 35} ya29.{'y' * 40}", f"{R} {R}"),
    (f"sk-proj-{'a1' * 20} sk-ant-api03-{'b2' * 20}", f"{R} {R}"),
    (f"hf_{'a' * 34} npm_{'a' * 36} pypi-{'a' * 60}", f"{R} {R} {R}"),
    (f"SG.{'a' * 22}.{'b' * 43}", R),
    (f"SK{'0' * 32}", R),
    (f"bot 123456789:AA{'x' * 33} asked", f"bot 123456789:{R} asked"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", R),
    (f"{PKCS8}\n{PEM}\n{PEM}\n{END_PKCS8}\nready", f"{PKCS8}{R}{END_PKCS8}\nready"),
    (f"K=-----BEGIN OPENSSH PRIVATE KEY-----\\n{PEM}\\n", f"K=-----BEGIN OPENSSH PRIVATE KEY-----{R}"),
    (f"{PGP}\n\n{PEM}\n=abcd\n{END_PGP}", f"{PGP}{R}{END_PGP}"),
    (f"AGE-SECRET-KEY-1{'Q' * 58}", R),
    ("token list says nwd_IZacsdOdBpOhmaYKdEteSSoHTYCmHUboS_rTOsfLS_k", f"token list says {R}"),
    ("$2b$12$abcdefghijklmnopqrstuv", R),
    (f"SCRAM-SHA-256$4096:{'a' * 24}=={'b' * 43}=:{'c' * 43}=", f"SCRAM-SHA-256${R}"),
    # what looks like one
    ("got q8Zt3LmN0pRs7VwX2yB5dF9hJ1kM4nP6rT8uW0zA back", f"got {R} back"),
]  # fmt: skip

NEEDED = """
max_tokens: 4, prompt_tokens=812 token_count=5 "total_tokens": 9 31.4 tokens/s
password_encryption = scram-sha-256
PGPASSFILE=/run/secrets/pgpass
DB_PASSWORD_FILE=/run/secrets/db
PWD=/app
key: value
primary_key=user_id cache_key=orders:17
token_type: bearer
session_timeout=30s
session: closed
TOKENIZERS_PARALLELISM=false
api_key=None
password: ${DB_PASSWORD}
password=***
secret_name=db-credentials
FATAL:  password authentication failed for user "app"
LOG:  connection authorized: user=app database=shop application_name=psql
Invalid token: unexpected end of input
the bearer authentication scheme, basic authentication
docker run -p 8080:80 -u 1000:1000 nginx
mysql: ready for connections, port: 3306
sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
3f4e8d9a1b2c3d4e5f60718293a4b5c6d7e8f9012a3b4c5d6e7f8091a2b3c4d5 commit 892a2a287e4a16a67a0d6ab62f545050a15f6f32
GPU-8f3c2a11-1234-5678-9abc-def012345678 MIG-8f3c2a11-1234-5678-9abc-def012345678
chatcmpl-0123456789abcdef0123456789abcdef req 550e8400-e29b-41d4-a716-446655440000
ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4" md5:9e107d9d372bb6826bd81d3542a419d6
SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8 host key fingerprint
integrity sha512-q8Zt3LmN0pRs7VwX2yB5dF9hJ1kM4nP6rT8uW0zAq8Zt3LmN0pRs7VwX2yB5dF9hJ1kM4nP6rT8uW0zAbc==
redo done at 0/16B3F50, checkpoint 1A/2B3C4D50, traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
/usr/local/lib/python3.12/site-packages/vllm/v1/executor/multiproc_executor.py/ModelRunnerOutputProcessor
Qwen2.5-72B-Instruct-GPTQ-Int4-and-DeepSeek-R1-Distill-Llama-70B-FP8-dynamic
http://gateway.internal:8080/v1/models?limit=10&order=desc
mailto:ops@example.com user@host:/path
"""


@pytest.mark.parametrize(("text", "expected"), TEXTS, ids=lambda text: text[:40].replace("\n", " "))
def test_a_secret_is_taken_out_and_the_rest_stays(text: str, expected: str) -> None:
    """The reader still sees which key it was; and what was redacted once is redacted no further."""
    redactor = Redactor()
    assert redactor.text(text) == expected
    assert redactor.text(expected) == expected


@pytest.mark.parametrize("text", [line for line in NEEDED.splitlines() if line], ids=lambda text: text[:40])
def test_what_a_reader_needs_stays(text: str) -> None:
    """Ids, digests, hashes, settings about secrets, and words that only look alike."""
    assert Redactor().text(text) == text


def test_a_table_of_shapes_names_a_source_for_each() -> None:
    """Whoever doubts a prefix can look it up."""
    from nemo_watchdog.redaction.shapes import SHAPES

    assert all(shape.source.startswith(("https://", "docs/operations.md#")) and shape.sign for shape in SHAPES)
