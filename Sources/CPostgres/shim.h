#pragma once
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
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
// prctl is variadic, which Swift does not import. At most 15 bytes of the name are kept.
static inline void flotilla_name_this_thread(const char *name) {
    (void)prctl(PR_SET_NAME, name, 0UL, 0UL, 0UL);
}
