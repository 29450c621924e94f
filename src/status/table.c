#include <string.h>

#include "status/format.h"
#include "status/table.h"

/* The number must be a uint64_t. */
#define AT(member)                                                             \
	(offsetof(struct status_snapshot, member) +                            \
	    _Generic(((struct status_snapshot *)NULL)->member, uint64_t : 0))

#define ROW(member, flags, help, text, page, json, metric)                     \
	{                                                                      \
		AT(member), flags, help,                                       \
		{                                                              \
			text, page, json, metric                               \
		}                                                              \
	}
#define WORKERS(state, name, help)                                             \
	ROW(by_state[state], 0, help, "Workers." name, NULL, "workers." name,  \
	    "workers{state=\"" name "\"}")
#define SPENT(state, name, help)                                               \
	ROW(spent[state], STATUS_SECONDS, help, NULL, NULL, "seconds." name,   \
	    "worker_seconds_total{state=\"" name "\"}")
#define RESPONSES(n, class, flags, help)                                       \
	ROW(counts[COUNT_RESPONSES + (n)], flags, help, "Responses." class,    \
	    "Responses." class, "responses." class,                            \
	    "responses_total{class=\"" class "\"}")
#define WAITING(wait, name, words, help)                                       \
	ROW(lot.waiting[wait], STATUS_LOT, help, "Lot." name,                  \
	    "In the lot." words, "lot." name,                                  \
	    "lot_connections{waiting_for=\"" name "\"}")
#define STALLS(cause, name, text, words, flags, help)                          \
	ROW(stall_count[cause], flags, help, "Stalls." text,                   \
	    "Stalled responses." words, "stalls." name,                        \
	    "stalls_total{cause=\"" name "\"}")

/* Each section shows its rows in this order. */
static const struct status_row rows[] = {
    WORKERS(SCORE_STARTING, "starting", "Workers in each state."),
    WORKERS(SCORE_IDLE, "idle", NULL),
    WORKERS(SCORE_READING, "reading", NULL),
    WORKERS(SCORE_RUNNING, "running", NULL),
    WORKERS(SCORE_WRITING, "writing", NULL),
    WORKERS(SCORE_WAITING, "waiting", NULL),
    WORKERS(SCORE_LINGERING, "lingering", NULL),
    WORKERS(SCORE_STOPPING, "stopping", NULL),
    SPENT(SCORE_STARTING, "starting",
	"Seconds that workers have spent in each state."),
    SPENT(SCORE_IDLE, "idle", NULL),
    SPENT(SCORE_READING, "reading", NULL),
    SPENT(SCORE_RUNNING, "running", NULL),
    SPENT(SCORE_WRITING, "writing", NULL),
    SPENT(SCORE_WAITING, "waiting", NULL),
    SPENT(SCORE_LINGERING, "lingering", NULL),
    SPENT(SCORE_STOPPING, "stopping", NULL),
    ROW(events[EVENT_STARTED], 0, "Workers started.", "Processes.started",
	"Processes.workers started", "processes.started",
	"workers_started_total"),
    ROW(events[EVENT_CRASHED], STATUS_BAD,
	"Workers that crashed by themselves.", "Processes.crashed",
	"Processes.crashed", "processes.crashed", "workers_crashed_total"),
    ROW(events[EVENT_KILLED], STATUS_BAD,
	"Workers killed by a signal from outside.", "Processes.killed",
	"Processes.killed", "processes.killed", "workers_killed_total"),
    ROW(events[EVENT_TIMED_OUT], STATUS_BAD,
	"Workers killed because they exceeded --request-timeout, "
	"--stream-timeout or --start-timeout.",
	"Processes.timed_out", "Processes.timed out", "processes.timed_out",
	"workers_timed_out_total"),
    ROW(events[EVENT_RECYCLED], 0,
	"Workers replaced because they reached --max-requests or "
	"--max-worker-memory.",
	"Processes 2.recycled", "Processes.recycled", "processes.recycled",
	"workers_recycled_total"),
    ROW(events[EVENT_RETIRED], 0,
	"Workers ended because they were no longer needed.",
	"Processes 2.retired", "Processes.retired", "processes.retired",
	"workers_retired_total"),
    ROW(events[EVENT_RELOADS], 0, "Reloads of the configuration.",
	"Processes 2.reloads", "Processes.reloads", "processes.reloads",
	"reloads_total"),
    ROW(events[EVENT_LOTS], 0,
	"Lots started; more than one means that one died.", "Processes 2.lots",
	"Processes.lots started", "processes.lots", "lot_starts_total"),
    ROW(counts[COUNT_CONNECTIONS], 0,
	"Connections accepted, by workers and by the lot.",
	"Connections.accepted by workers", "Connections.accepted by workers",
	"connections.accepted_by_workers", "connections_total{by=\"worker\"}"),
    ROW(lot.accepted, 0, NULL, "Connections.by the lot",
	"Connections.accepted by the lot", "connections.accepted_by_lot",
	"connections_total{by=\"lot\"}"),
    ROW(counts[COUNT_HANDED], 0,
	"Connections that the lot has handed to a worker.",
	"Connections.handed over", "Connections.handed over by the lot",
	"connections.handed_over", "handoffs_total"),
    RESPONSES(0, "1xx", 0, "Responses, by class of status code."),
    RESPONSES(1, "2xx", 0, NULL),
    RESPONSES(2, "3xx", 0, NULL),
    RESPONSES(3, "4xx", 0, NULL),
    RESPONSES(4, "5xx", STATUS_BAD, NULL),
    ROW(counts[COUNT_REQUESTS], 0, "Requests answered.", NULL, NULL,
	"requests.all", "requests_total"),
    ROW(counts[COUNT_REUSED], 0,
	"Requests that were not the first on their connection.", NULL,
	"Connections.requests on reused connections", "requests.reused",
	"requests_reused_total"),
    ROW(counts[COUNT_SENT], 0, "Bytes sent to clients, including heads.",
	"Bytes.sent", NULL, "bytes.sent", "sent_bytes_total"),
    ROW(counts[COUNT_RECEIVED], 0, "Bytes of request content received.",
	"Bytes.content received", NULL, "bytes.content_received",
	"received_content_bytes_total"),
    ROW(counts[COUNT_ABORTED], 0,
	"Responses that ended early, for example because the client left, was "
	"too slow, or a file shrank; and requests whose client left before a "
	"worker ran them.",
	"Trouble.aborted", "Responses.aborted", "responses.aborted",
	"responses_aborted_total"),
    ROW(counts[COUNT_QUEUE_TIMEOUTS], STATUS_BAD,
	"Requests answered with 503 because of --queue-timeout.",
	"Trouble.queue_timeouts", "Responses.queue timeouts (503)",
	"requests.queue_timeouts", "queue_timeouts_total"),
    ROW(counts[COUNT_SPLIT], 0,
	"Responses that took several sends although they fit into one.",
	"Trouble.split", "Responses.split into several sends",
	"responses.split", "responses_split_total"),
    STALLS(STALL_NAGLE, "nagle", "nagle", "Nagle's algorithm", STATUS_BAD,
	"Responses whose end waited in the kernel, by cause."),
    STALLS(STALL_DELAYED_ACK, "delayed_ack", "ack", "delayed acknowledgement",
	0, NULL),
    STALLS(STALL_CLIENT_WINDOW, "client_window", "client", "client's window", 0,
	NULL),
    STALLS(STALL_CONGESTION_WINDOW, "congestion_window", "congestion",
	"congestion window", 0, NULL),
    STALLS(STALL_LOSS, "loss", "loss", "loss", 0, NULL),
    WAITING(WAIT_IDLE, "idle", "idle",
	"Connections in the lot, by what they are waiting for."),
    WAITING(WAIT_HEAD, "head", "sending a request head", NULL),
    WAITING(WAIT_BODY, "body", "sending request content", NULL),
    WAITING(WAIT_WORKER, "worker", "waiting for a worker", NULL),
    WAITING(WAIT_SEND, "send", "receiving a response", NULL),
    WAITING(WAIT_LINGER, "linger", "closing", NULL),
    ROW(lot.all, STATUS_LOT, NULL, NULL, NULL, "lot.all", NULL),
    ROW(lot.peak, STATUS_LOT,
	"The largest number of connections in the lot so far.", "Lot 2.peak",
	"In the lot.peak", "lot.peak", "lot_connections_peak"),
    ROW(lot.room, STATUS_LOT,
	"The number of connections that the lot can hold.", "Lot 2.room",
	"In the lot.limit", "lot.room", "lot_connections_max"),
    ROW(lot.waiting[WAIT_LENT], STATUS_LOT,
	"Connections that workers serve, and that the lot has lent to them.",
	"Lot 2.lent", "In the lot.lent to workers", "lot.lent",
	"lot_connections_lent"),
    ROW(lot.evicted, STATUS_LOT | STATUS_BAD,
	"Connections that the lot closed for lack of room.", "Lot 2.evicted",
	"In the lot.closed for lack of room", "lot.evicted",
	"lot_evicted_total"),
    ROW(lot.strays, STATUS_LOT | STATUS_BAD,
	"Connections given back to the lot that it had not lent.",
	"Lot 2.strays", "In the lot.given back, but not lent", "lot.strays",
	"lot_strays_total"),
    ROW(lot.deferred, STATUS_LOT | STATUS_BYTES,
	"Bytes of responses that wait in the lot for their clients.",
	"Lot 2.deferred bytes", "In the lot.deferred responses",
	"lot.deferred_bytes", "lot_deferred_bytes"),
    ROW(overflows, STATUS_OVERFLOWS | STATUS_BAD,
	"Connections that the kernel refused because a listen queue was full, "
	"for all servers in this network namespace.",
	NULL, "Listen queues.overflows, of all servers here",
	".listen_overflows", "listen_overflows_total"),
};

static bool
is_known(const struct status_row *row, const struct status_snapshot *s)
{
	return ((row->flags & STATUS_LOT) == 0 || s->has_lot) &&
	    ((row->flags & STATUS_OVERFLOWS) == 0 || s->knows_overflows);
}

static bool
is_in(const char *shown, const char *section)
{
	size_t len = section != NULL ? strlen(section) : 0;

	if (shown == NULL || section == NULL)
		return shown != NULL;
	return strncmp(shown, section, len) == 0 && shown[len] == '.';
}

const struct status_row *
status_next_row(const struct status_row *row, const struct status_snapshot *s,
    enum status_form form, const char *section)
{
	row = row == NULL ? rows : row + 1;
	for (; row < rows + sizeof(rows) / sizeof(rows[0]); row++)
		if (is_in(row->shown[form], section) && is_known(row, s))
			return row;
	return NULL;
}

uint64_t
status_number(const struct status_row *row, const struct status_snapshot *s)
{
	return *(const uint64_t *)(const void *)((const char *)s + row->at);
}

void
status_add_number(struct buffer *b, const struct status_row *row,
    const struct status_snapshot *s)
{
	if (row->flags & STATUS_SECONDS)
		status_add_seconds(b, status_number(row, s));
	else
		buffer_add_number(b, status_number(row, s));
}

const char *
status_row_name(const struct status_row *row, enum status_form form)
{
	return strchr(row->shown[form], '.') + 1;
}
