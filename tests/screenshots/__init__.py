"""The pictures of the pages in docs/images, taken of a real platform that is really broken."""
