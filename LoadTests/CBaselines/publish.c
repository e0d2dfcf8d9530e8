#include "CBaselines.h"
#include "broker.h"
#include <stdlib.h>

/// The publishes without a confirm: tags `lowest` up to, not including, `next`.
struct window {
    uint64_t size, lowest, next;
    uint8_t *settled;
};

static void settle(struct window *window, uint64_t tag, int multiple) {
    if (tag < window->lowest || tag >= window->next) return;
    if (multiple) {
        while (window->lowest <= tag) window->settled[window->lowest++ % window->size] = 0;
    } else {
        window->settled[tag % window->size] = 1;
    }
    while (window->lowest < window->next && window->settled[window->lowest % window->size])
        window->settled[window->lowest++ % window->size] = 0;
}

/// Waits for one confirm, then takes all that have been read with it.
static int read_confirms(amqp_connection_state_t connection, struct window *window, struct failure failure) {
    do {
        amqp_frame_t frame;
        struct timeval patience = {.tv_sec = 10};
        int status = amqp_simple_wait_frame_noblock(connection, &frame, &patience);
        if (status != AMQP_STATUS_OK) return broker_failed(failure, "confirms", amqp_error_string2(status));
        if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
            return broker_failed(failure, "confirms", "something other than an ack came");
        const amqp_basic_ack_t *ack = frame.payload.method.decoded;
        settle(window, ack->delivery_tag, ack->multiple);
    } while (amqp_frames_enqueued(connection) || amqp_data_in_buffer(connection));
    amqp_maybe_release_buffers(connection);
    return 0;
}

static int publish_for(
    amqp_connection_state_t connection, const char *queue, amqp_bytes_t body, struct window *window, double seconds,
    struct baseline_publishing *result, struct failure failure
) {
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = AMQP_DELIVERY_PERSISTENT};
    amqp_bytes_t routing_key = amqp_cstring_bytes(queue);
    double cpu = thread_cpu_seconds();
    double start = now_seconds();
    int more = 1;
    while (more || window->lowest < window->next) {
        while (more && window->next - window->lowest < window->size) {
            int status = amqp_basic_publish(connection, 1, amqp_empty_bytes, routing_key, 0, 0, &properties, body);
            if (status != AMQP_STATUS_OK) return broker_failed(failure, "publish", amqp_error_string2(status));
            window->next++;
        }
        if (read_confirms(connection, window, failure) != 0) return -1;
        more = now_seconds() - start < seconds;
    }
    result->seconds = now_seconds() - start;
    result->cpu_seconds = thread_cpu_seconds() - cpu;
    result->messages = window->next - 1;
    return 0;
}

int baseline_publish(
    const char *url, const char *queue, size_t body_size, uint64_t window_size, double seconds,
    struct baseline_publishing *result, char *error, size_t error_size
) {
    struct failure failure = {error, error_size};
    uint8_t *body = calloc(1, body_size);
    struct window window = {.size = window_size, .lowest = 1, .next = 1, .settled = calloc(1, window_size)};
    int status = -1;
    if (body == NULL || window.settled == NULL) {
        broker_failed(failure, "start", "no memory");
    } else {
        amqp_connection_state_t connection = open_broker(url, failure);
        if (connection != NULL) {
            amqp_bytes_t bytes = {.len = body_size, .bytes = body};
            status = publish_for(connection, queue, bytes, &window, seconds, result, failure);
            if (status == 0) amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
            amqp_destroy_connection(connection);
        }
    }
    free(window.settled);
    free(body);
    return status;
}
