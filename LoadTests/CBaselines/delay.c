#include "CBaselines.h"
#include "broker.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static const struct timeval patience = {.tv_sec = 10};

static void sleep_until(double seconds) {
    struct timespec until = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
}

static int begin_consuming(amqp_connection_state_t consumer, const char *queue, struct failure failure) {
    amqp_basic_qos(consumer, 1, 0, 64, 0);
    if (check_reply(failure, "basic.qos", amqp_get_rpc_reply(consumer)) != 0) return -1;
    amqp_basic_consume(consumer, 1, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    return check_reply(failure, "basic.consume", amqp_get_rpc_reply(consumer));
}

/// Takes one message and acks it.
static int take(amqp_connection_state_t consumer, struct failure failure) {
    amqp_envelope_t envelope;
    if (check_reply(failure, "delivery", amqp_consume_message(consumer, &envelope, &patience, 0)) != 0) return -1;
    int status = amqp_basic_ack(consumer, 1, envelope.delivery_tag, 0);
    amqp_destroy_envelope(&envelope);
    amqp_maybe_release_buffers(consumer);
    return status == AMQP_STATUS_OK ? 0 : broker_failed(failure, "basic.ack", amqp_error_string2(status));
}

/// Takes the confirm of the one message that waits for it.
static int take_confirm(amqp_connection_state_t publisher, struct failure failure) {
    amqp_frame_t frame;
    int status = amqp_simple_wait_frame_noblock(publisher, &frame, &patience);
    if (status != AMQP_STATUS_OK) return broker_failed(failure, "confirm", amqp_error_string2(status));
    if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
        return broker_failed(failure, "confirm", "something other than an ack came");
    amqp_maybe_release_buffers(publisher);
    return 0;
}

static int send_and_take(
    amqp_connection_state_t publisher, amqp_connection_state_t consumer, const char *queue, amqp_bytes_t body,
    double interval, double *delays, size_t count, struct failure failure
) {
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = AMQP_DELIVERY_PERSISTENT};
    if (begin_consuming(consumer, queue, failure) != 0) return -1;
    double start = now_seconds();
    for (size_t index = 0; index < count; index++) {
        // One that leaves late because another one was slow has waited too.
        double due = start + (double)index * interval;
        sleep_until(due);
        int status = amqp_basic_publish(
            publisher, 1, amqp_empty_bytes, amqp_cstring_bytes(queue), 0, 0, &properties, body);
        if (status != AMQP_STATUS_OK) return broker_failed(failure, "publish", amqp_error_string2(status));
        if (take(consumer, failure) != 0) return -1;
        delays[index] = now_seconds() - due;
        if (take_confirm(publisher, failure) != 0) return -1;
    }
    return 0;
}

int baseline_delays(
    const char *url, const char *queue, size_t body_size, double interval, double *delays, size_t count, char *error,
    size_t error_size
) {
    struct failure failure = {error, error_size};
    uint8_t *body = calloc(1, body_size);
    if (body == NULL) return broker_failed(failure, "start", "no memory");
    int status = -1;
    amqp_connection_state_t publisher = open_broker(url, failure);
    amqp_connection_state_t consumer = publisher != NULL ? open_broker(url, failure) : NULL;
    if (consumer != NULL) {
        amqp_bytes_t bytes = {.len = body_size, .bytes = body};
        status = send_and_take(publisher, consumer, queue, bytes, interval, delays, count, failure);
    }
    for (int index = 0; index < 2; index++) {
        amqp_connection_state_t connection = index == 0 ? consumer : publisher;
        if (connection == NULL) continue;
        if (status == 0) amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
        amqp_destroy_connection(connection);
    }
    free(body);
    return status;
}
