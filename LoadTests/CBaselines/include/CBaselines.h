// The bare C loops that the benchmarks compare with: what the libraries under our clients reach without us.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct baseline_publishing {
    /// Messages published and confirmed.
    uint64_t messages;
    double seconds;
    /// Of the calling thread, user and system.
    double cpu_seconds;
};

/// Publishes persistent messages to a queue through the default exchange, with confirms, for so long; at most `window`
/// of them wait for their confirms. Blocks the calling thread.
/// Returns 0, or -1 with a text in `error`.
int baseline_publish(
    const char *url, const char *queue, size_t body_size, uint64_t window, double seconds,
    struct baseline_publishing *result, char *error, size_t error_size);

/// Sends `count` persistent messages to a queue, one each `interval` seconds, and takes each from a consumer on another
/// connection. `delays` get the seconds from when each was due to its delivery. Blocks the calling thread.
/// Returns 0, or -1 with a text in `error`.
int baseline_delays(
    const char *url, const char *queue, size_t body_size, double interval, double *delays, size_t count, char *error,
    size_t error_size);

/// Inflates the payloads of one zstd stream, one after the other, with a new context.
/// Returns the CPU seconds of the calling thread, or a negative number when the stream is corrupt.
/// `inflated` becomes the number of bytes after inflating.
double baseline_inflate(
    const uint8_t *payloads, const uint32_t *lengths, size_t count, uint64_t *inflated);

/// As `baseline_inflate`, and hands over each payload once it is inflated; 128 KiB of each at most.
double baseline_inflate_each(
    const uint8_t *payloads, const uint32_t *lengths, size_t count,
    void (*taker)(void *context, const uint8_t *bytes, size_t length), void *context);

/// CPU seconds of the calling thread, user and system.
double thread_cpu_seconds(void);

/// CPU seconds of this process, user and system.
double process_cpu_seconds(void);
