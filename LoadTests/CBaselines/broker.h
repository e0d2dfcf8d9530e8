#pragma once

#include <amqp.h>
#include <stddef.h>

/// Where the text of an error goes.
struct failure {
    char *text;
    size_t size;
};

/// Returns -1.
int broker_failed(struct failure failure, const char *what, const char *why);

/// Returns 0 where the broker answered as it should.
int check_reply(struct failure failure, const char *what, amqp_rpc_reply_t reply);

double now_seconds(void);

/// Connects, logs in, and opens channel 1 with confirms. Returns NULL with a text in `failure`.
amqp_connection_state_t open_broker(const char *url, struct failure failure);
