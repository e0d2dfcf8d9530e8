#include "CBaselines.h"
#include <time.h>

static double seconds_of(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) return 0;
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double thread_cpu_seconds(void) { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

double process_cpu_seconds(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }
