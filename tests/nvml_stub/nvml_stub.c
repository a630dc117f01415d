/* A stand-in for libnvidia-ml.so.1: it answers as a healthy GPU would, save for what the control file says.
 *
 * NVML_STUB_CONTROL names a file of lines `symbol=code[:milliseconds]` (the call sleeps, then returns the code) and
 * `name=value` for readings: devices, used, temperature, utilization, ecc, action, action_return.
 * It is read at every call, so that a test can change the hardware under a running process.
 * Layouts and symbols: nvml.h, as in the ctypes classes of nvidia-ml-py.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int gpu, memory; } utilization_t;
typedef union { double d; unsigned int ui; unsigned long ul; unsigned long long ull; long long sll; } value_t;
typedef struct {
    uint32_t field, scope;
    int64_t timestamp, latency;
    unsigned int type, ret;
    value_t value;
} field_t;

/* The text after `name=`, as a number; `sleep_ms` takes what follows a colon. */
static long control(const char *name, long otherwise, long *sleep_ms)
{
    const char *path = getenv("NVML_STUB_CONTROL");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[256];
    size_t length = strlen(name);
    long value = otherwise;
    if (file == NULL)
        return value;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, length) == 0 && line[length] == '=') {
            char *end;
            value = strtol(line + length + 1, &end, 10);
            if (*end == ':' && sleep_ms != NULL)
                *sleep_ms = strtol(end + 1, NULL, 10);
        }
    }
    fclose(file);
    return value;
}

static int answer(const char *symbol)
{
    long sleep_ms = 0;
    int code = (int)control(symbol, 0, &sleep_ms);
    if (sleep_ms > 0) {
        struct timespec time = {sleep_ms / 1000, (sleep_ms % 1000) * 1000000L};
        nanosleep(&time, NULL);
    }
    if (code == -11)
        abort();
    return code;
}

#define GUARD() do { int code = answer(__func__); if (code != 0) return code; } while (0)

int nvmlInitWithFlags(unsigned int flags) { (void)flags; GUARD(); return 0; }
int nvmlShutdown(void) { GUARD(); return 0; }
const char *nvmlErrorString(int code) { (void)code; return "stub"; }

int nvmlDeviceGetCount_v2(unsigned int *count)
{
    GUARD();
    *count = (unsigned int)control("devices", 1, NULL);
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle)
{
    GUARD();
    *handle = (void *)(uintptr_t)(index + 1);
    return 0;
}

int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory)
{
    (void)handle;
    GUARD();
    memory->total = 100;
    memory->used = (unsigned long long)control("used", 40, NULL);
    memory->free = memory->total - memory->used;
    return 0;
}

int nvmlDeviceGetUtilizationRates(void *handle, utilization_t *utilization)
{
    (void)handle;
    GUARD();
    utilization->gpu = (unsigned int)control("utilization", 25, NULL);
    utilization->memory = 10;
    return 0;
}

#ifndef WITHOUT_TEMPERATURE
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned int *temperature)
{
    (void)handle; (void)sensor;
    GUARD();
    *temperature = (unsigned int)control("temperature", 55, NULL);
    return 0;
}
#endif

int nvmlDeviceGetTotalEccErrors(void *handle, int type, int counter, unsigned long long *count)
{
    (void)handle; (void)type; (void)counter;
    GUARD();
    *count = (unsigned long long)control("ecc", 0, NULL);
    return 0;
}

int nvmlDeviceGetFieldValues(void *handle, int count, field_t *values)
{
    (void)handle;
    GUARD();
    for (int i = 0; i < count; i++) {
        values[i].ret = (unsigned int)control("action_return", values[i].field == 230 ? 0 : 3, NULL);
        values[i].type = 1;
        values[i].value.ui = (unsigned int)control("action", 0, NULL);
    }
    return 0;
}
