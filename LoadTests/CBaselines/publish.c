#include "CBaselines.h"
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct failure {
    char *text;
    size_t size;
};

static int fail(struct failure failure, const char *what, const char *why) {
    snprintf(failure.text, failure.size, "%s: %s", what, why);
    return -1;
}

static int check(struct failure failure, const char *what, amqp_rpc_reply_t reply) {
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL: return 0;
    case AMQP_RESPONSE_LIBRARY_EXCEPTION: return fail(failure, what, amqp_error_string2(reply.library_error));
    default: return fail(failure, what, "the broker refused");
    }
}

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

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
        if (status != AMQP_STATUS_OK) return fail(failure, "confirms", amqp_error_string2(status));
        if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
            return fail(failure, "confirms", "something other than an ack came");
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
            if (status != AMQP_STATUS_OK) return fail(failure, "publish", amqp_error_string2(status));
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

static int open_channel(amqp_connection_state_t connection, struct amqp_connection_info *broker, struct failure failure) {
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    if (socket == NULL) return fail(failure, "socket", "no memory");
    const char *vhost = *broker->vhost ? broker->vhost : "/";
    int status = amqp_socket_open(socket, broker->host, broker->port);
    if (status != AMQP_STATUS_OK) return fail(failure, "connect", amqp_error_string2(status));
    amqp_rpc_reply_t reply = amqp_login(
        connection, vhost, 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, broker->user, broker->password);
    if (check(failure, "login", reply) != 0) return -1;
    amqp_channel_open(connection, 1);
    if (check(failure, "channel", amqp_get_rpc_reply(connection)) != 0) return -1;
    amqp_confirm_select(connection, 1);
    return check(failure, "confirm.select", amqp_get_rpc_reply(connection));
}

int baseline_publish(
    const char *url, const char *queue, size_t body_size, uint64_t window_size, double seconds,
    struct baseline_publishing *result, char *error, size_t error_size
) {
    struct failure failure = {error, error_size};
    // The parts of the URL are cut out of the copy.
    char *copy = strdup(url);
    uint8_t *body = calloc(1, body_size);
    struct window window = {.size = window_size, .lowest = 1, .next = 1, .settled = calloc(1, window_size)};
    amqp_connection_state_t connection = amqp_new_connection();
    struct amqp_connection_info broker;
    int status = -1;
    if (copy == NULL || body == NULL || window.settled == NULL || connection == NULL) {
        fail(failure, "start", "no memory");
    } else if (amqp_parse_url(copy, &broker) != AMQP_STATUS_OK) {
        fail(failure, "start", "the URL is malformed");
    } else if (open_channel(connection, &broker, failure) == 0) {
        amqp_bytes_t bytes = {.len = body_size, .bytes = body};
        status = publish_for(connection, queue, bytes, &window, seconds, result, failure);
        if (status == 0) amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    }
    if (connection != NULL) amqp_destroy_connection(connection);
    free(window.settled);
    free(body);
    free(copy);
    return status;
}
