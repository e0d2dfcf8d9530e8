#include "CBaselines.h"
#include <zstd.h>

static uint8_t output[128 << 10];

double baseline_inflate_each(
    const uint8_t *payloads, const uint32_t *lengths, size_t count,
    void (*taker)(void *context, const uint8_t *bytes, size_t length), void *context
) {
    ZSTD_DCtx *stream = ZSTD_createDCtx();
    if (stream == NULL) return -1;
    double start = thread_cpu_seconds();
    for (size_t index = 0; index < count; index++) {
        ZSTD_inBuffer source = {payloads, lengths[index], 0};
        ZSTD_outBuffer target = {output, sizeof output, 0};
        do {
            if (ZSTD_isError(ZSTD_decompressStream(stream, &target, &source))) {
                ZSTD_freeDCtx(stream);
                return -1;
            }
        } while (source.pos < source.size && target.pos < target.size);
        taker(context, output, target.pos);
        payloads += lengths[index];
    }
    double seconds = thread_cpu_seconds() - start;
    ZSTD_freeDCtx(stream);
    return seconds;
}

double baseline_inflate(const uint8_t *payloads, const uint32_t *lengths, size_t count, uint64_t *inflated) {
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL) return -1;
    uint64_t total = 0;
    double start = thread_cpu_seconds();
    for (size_t index = 0; index < count; index++) {
        ZSTD_inBuffer source = {payloads, lengths[index], 0};
        ZSTD_outBuffer target;
        do {
            target = (ZSTD_outBuffer){output, sizeof output, 0};
            if (ZSTD_isError(ZSTD_decompressStream(context, &target, &source))) {
                ZSTD_freeDCtx(context);
                return -1;
            }
            total += target.pos;
        } while (source.pos < source.size || target.pos == target.size);
        payloads += lengths[index];
    }
    double seconds = thread_cpu_seconds() - start;
    ZSTD_freeDCtx(context);
    *inflated = total;
    return seconds;
}
