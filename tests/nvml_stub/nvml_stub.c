/* A stand-in for libnvidia-ml.so.1: it answers as a healthy GPU would, save for what the control file says.
 *
 * NVML_STUB_CONTROL names a file of lines `symbol=code[:milliseconds]` (the call sleeps, then returns the code) and
 * `name=value` for readings: devices, used, total, temperature, slowdown, utilization, ecc, power, clocks, remap_pending,
 * remap_failed, retire_pending, replays, width, persistence, pid, vram, action, action_return; `xid` is delivered as an event of
 * device 0 once for each new value of `xid_number`, `event_type` is its kind.
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
typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu_instance, compute_instance; } process_t;
typedef struct { void *device; unsigned long long type, data; unsigned int gpu_instance, compute_instance; } event_t;
typedef struct {
    char bus_id_legacy[16];
    unsigned int domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
} pci_t;
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
    memory->total = (unsigned long long)control("total", 100, NULL);
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

#ifndef OLD_LIBRARY
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

static int number(const char *name, long otherwise, unsigned int *value)
{
    *value = (unsigned int)control(name, otherwise, NULL);
    return 0;
}

int nvmlDeviceGetPciInfo_v3(void *handle, pci_t *pci)
{
    GUARD();
    memset(pci, 0, sizeof *pci);
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", 0x64 + (unsigned int)(uintptr_t)handle);
    return 0;
}

int nvmlDeviceGetTemperatureThreshold(void *handle, int kind, unsigned int *temperature)
{
    (void)handle; (void)kind;
    GUARD();
    return number("slowdown", 92, temperature);
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned int *milliwatts)
{
    (void)handle;
    GUARD();
    return number("power", 150000, milliwatts);
}

int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned int *milliwatts)
{
    (void)handle;
    GUARD();
    *milliwatts = 300000;
    return 0;
}

int nvmlDeviceGetCurrentClocksEventReasons(void *handle, unsigned long long *reasons)
{
    (void)handle;
    GUARD();
    *reasons = (unsigned long long)control("clocks", 1, NULL);
    return 0;
}

int nvmlDeviceGetRemappedRows(void *handle, unsigned int *corrected, unsigned int *uncorrected, unsigned int *pending,
                              unsigned int *failed)
{
    (void)handle;
    GUARD();
    *corrected = 1;
    *uncorrected = 2;
    number("remap_pending", 0, pending);
    return number("remap_failed", 0, failed);
}

int nvmlDeviceGetRetiredPagesPendingStatus(void *handle, unsigned int *pending)
{
    (void)handle;
    GUARD();
    return number("retire_pending", 0, pending);
}

int nvmlDeviceGetPcieReplayCounter(void *handle, unsigned int *replays)
{
    (void)handle;
    GUARD();
    return number("replays", 3, replays);
}

int nvmlDeviceGetCurrPcieLinkWidth(void *handle, unsigned int *width)
{
    (void)handle;
    GUARD();
    return number("width", 16, width);
}

#ifndef OLD_LIBRARY
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned int *count, process_t *processes)
{
    (void)handle;
    GUARD();
    unsigned int pid;
    number("pid", 0, &pid);
    if (pid == 0) {
        *count = 0;
        return 0;
    }
    if (processes == NULL) {
        *count = 1;
        return 7;
    }
    *count = 1;
    processes[0] = (process_t){pid, (unsigned long long)control("vram", 5, NULL), 0, 0};
    return 0;
}
#endif

int nvmlDeviceGetName(void *handle, char *name, unsigned int length)
{
    GUARD();
    snprintf(name, length, "NVIDIA Stub %u", (unsigned int)(uintptr_t)handle);
    return 0;
}

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned int length)
{
    GUARD();
    snprintf(uuid, length, "GPU-stub-%u", (unsigned int)(uintptr_t)handle);
    return 0;
}

int nvmlDeviceGetPersistenceMode(void *handle, unsigned int *mode)
{
    (void)handle;
    GUARD();
    return number("persistence", 1, mode);
}

int nvmlDeviceGetClockInfo(void *handle, unsigned int kind, unsigned int *clock)
{
    (void)handle;
    GUARD();
    *clock = kind == 2 ? 9500 : 1200;
    return 0;
}

int nvmlDeviceGetMaxClockInfo(void *handle, unsigned int kind, unsigned int *clock)
{
    (void)handle;
    GUARD();
    *clock = kind == 2 ? 9501 : 1980;
    return 0;
}

int nvmlEventSetCreate(void **set) { GUARD(); *set = (void *)(uintptr_t)1; return 0; }
int nvmlEventSetFree(void *set) { (void)set; GUARD(); return 0; }

int nvmlDeviceGetSupportedEventTypes(void *handle, unsigned long long *types)
{
    (void)handle;
    GUARD();
    *types = 0xf;
    return 0;
}

static unsigned long long registered;

int nvmlDeviceRegisterEvents(void *handle, unsigned long long types, void *set)
{
    (void)handle; (void)set;
    GUARD();
    registered |= types;
    return 0;
}

int nvmlEventSetWait_v2(void *set, event_t *event, unsigned int milliseconds)
{
    static long delivered = 0;
    (void)set; (void)milliseconds;
    GUARD();
    long number = control("xid_number", 0, NULL);
    unsigned long long type = (unsigned long long)control("event_type", 8, NULL);
    if (number == delivered || !(registered & type))
        return 10;
    delivered = number;
    *event = (event_t){(void *)(uintptr_t)1, type, (unsigned long long)control("xid", 0, NULL), 0, 0};
    return 0;
}
