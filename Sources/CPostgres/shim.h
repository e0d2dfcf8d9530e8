#pragma once
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <postgresql/libpq-fe.h>

// libpq prints notices to standard error unless told otherwise.
static inline void flotilla_pq_ignore_notice(void *context, const PGresult *result) {
    (void)context;
    (void)result;
}

static inline void flotilla_pq_ignore_notices(PGconn *connection) {
    PQsetNoticeReceiver(connection, flotilla_pq_ignore_notice, NULL);
}
