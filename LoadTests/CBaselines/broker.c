#include "broker.h"
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int broker_failed(struct failure failure, const char *what, const char *why) {
    snprintf(failure.text, failure.size, "%s: %s", what, why);
    return -1;
}

int check_reply(struct failure failure, const char *what, amqp_rpc_reply_t reply) {
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL: return 0;
    case AMQP_RESPONSE_LIBRARY_EXCEPTION: return broker_failed(failure, what, amqp_error_string2(reply.library_error));
    default: return broker_failed(failure, what, "the broker refused");
    }
}

double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int open_channel(
    amqp_connection_state_t connection, struct amqp_connection_info *broker, struct failure failure
) {
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    if (socket == NULL) return broker_failed(failure, "socket", "no memory");
    const char *vhost = *broker->vhost ? broker->vhost : "/";
    int status = amqp_socket_open(socket, broker->host, broker->port);
    if (status != AMQP_STATUS_OK) return broker_failed(failure, "connect", amqp_error_string2(status));
    amqp_rpc_reply_t reply = amqp_login(
        connection, vhost, 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, broker->user, broker->password);
    if (check_reply(failure, "login", reply) != 0) return -1;
    amqp_channel_open(connection, 1);
    if (check_reply(failure, "channel", amqp_get_rpc_reply(connection)) != 0) return -1;
    amqp_confirm_select(connection, 1);
    return check_reply(failure, "confirm.select", amqp_get_rpc_reply(connection));
}

amqp_connection_state_t open_broker(const char *url, struct failure failure) {
    // The parts of the URL are cut out of the copy.
    char *copy = strdup(url);
    amqp_connection_state_t connection = amqp_new_connection();
    struct amqp_connection_info broker;
    int status = -1;
    if (copy == NULL || connection == NULL) {
        broker_failed(failure, "start", "no memory");
    } else if (amqp_parse_url(copy, &broker) != AMQP_STATUS_OK) {
        broker_failed(failure, "start", "the URL is malformed");
    } else {
        status = open_channel(connection, &broker, failure);
    }
    free(copy);
    if (status == 0) return connection;
    if (connection != NULL) amqp_destroy_connection(connection);
    return NULL;
}
