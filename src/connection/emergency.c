#include <sys/ioctl.h>
#include <sys/socket.h>

#include <poll.h>

#include "base/clock.h"
#include "connection/emergency.h"
#include "connection/respond.h"

/* For a client to take what it gets, and then for it to close. */
#define PATIENCE (500 * CLOCK_MILLISECOND)
#define DRAIN_SIZE 4096

struct answer {
	int status;
	size_t head; /* bytes, of all */
	struct buffer bytes;
};

static struct answer answers[] = {{.status = 500}, {.status = 504}};

#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

static void
prepare(struct answer *a, const struct site *site)
{
	struct response_framing framing = {
	    .has_length = true, .close = true, .undated = true};
	struct response r;

	response_init(&r);
	response_status_page(&r, a->status);
	site_add_page(site, &r);
	framing.length = r.length;
	buffer_clear(&a->bytes);
	response_add_head(&r, &framing, buffer_text(&site->fields), &a->bytes);
	a->head = a->bytes.len;
	for (size_t i = 0; i < r.piece_count; i++) {
		const struct piece *p = &r.pieces[i];

		buffer_add(&a->bytes,
		    p->kind == PIECE_TEXT ? r.text.data + p->offset : p->bytes,
		    p->length);
	}
	response_free(&r);
}

void
emergency_prepare(const struct site *site)
{
	for (size_t i = 0; i < ANSWERS; i++)
		prepare(&answers[i], site);
}

static const struct answer *
find_answer(int status)
{
	const struct answer *a = answers;

	while (a < answers + ANSWERS - 1 && a->status != status)
		a++;
	return a;
}

static bool
has_unread(int fd)
{
	int unread = 0;

	return ioctl(fd, FIONREAD, &unread) == 0 && unread > 0;
}

/* The bytes of content in the input, behind a head that may still be there. */
static uint64_t
content_here(const struct client *client)
{
	const struct input *in = &client->connection.in;
	uint64_t end = in->taken + input_text(in).len;
	uint64_t begin = client->exchange.content_at;

	if (begin < in->taken)
		begin = in->taken;
	return end > begin ? end - begin : 0;
}

/* The bytes of its content that the client has not sent; perhaps unknown. */
static uint64_t
emergency_count_missing(const struct client *client)
{
	const struct body *body = &client->exchange.body;
	uint64_t here = content_here(client);

	if (body->state == BODY_COMPLETE)
		return 0;
	if (body->chunked || body->state != BODY_DATA)
		return UINT64_MAX;
	return body->left > here ? body->left - here : 0;
}

/*
 * Closing a socket on which bytes are unread resets it.  If this process may not
 * shut down, a client that has sent everything perhaps waits for the close.
 */
static void
emergency_drain(const struct client *client)
{
	int64_t deadline = clock_now() + PATIENCE;
	const struct connection *c = &client->connection;
	struct pollfd end = {.fd = c->fd, .events = POLLIN};
	uint64_t missing = emergency_count_missing(client);
	char dropped[DRAIN_SIZE];

	if (missing == 0 && !has_unread(c->fd))
		return;
	if (c->service->may_shutdown)
		shutdown(c->fd, SHUT_WR);
	while (clock_now() < deadline &&
	    (c->service->may_shutdown || missing > 0 || has_unread(c->fd))) {
		struct timespec left = clock_until(deadline);
		ssize_t n;

		if (ppoll(&end, 1, &left, NULL) <= 0)
			break;
		n = recv(c->fd, dropped, sizeof(dropped), MSG_DONTWAIT);
		if (n <= 0)
			break;
		missing -= (uint64_t)n < missing ? (uint64_t)n : missing;
	}
}

/* Whether the present request has no whole answer in the output yet. */
static bool
is_under_way(const struct tined_exchange *x)
{
	return x->state != EXCHANGE_WAITING && x->state != EXCHANGE_ANSWERED;
}

/* True if the head was all of the response, as to HEAD, and has been sent. */
static bool
has_whole_head(const struct tined_exchange *x)
{
	const struct output *out = &x->connection->out;

	return !respond_has_content(x) && !out->deferring && !out->failed &&
	    !out->sending && out->sent >= x->content_from;
}

void
emergency_client(struct client *client, int status)
{
	int64_t deadline = clock_now() + PATIENCE;
	struct connection *c = &client->connection;
	const struct tined_exchange *x = &client->exchange;
	struct score *score = c->service->score;
	uint64_t whole = output_position(&c->out);
	const struct answer *answer = find_answer(status);
	struct text bytes = buffer_text(&answer->bytes);

	if (c->fd == -1)
		return;
	if (!is_under_way(x)) {
		(void)output_emergency(&c->out, whole, TEXT(""), deadline);
		return;
	}
	if (x->request.method == METHOD_HEAD)
		bytes.len = answer->head;
	if (output_emergency(&c->out, x->answer_from, bytes, deadline)) {
		score_fate(score, SCORE_ANSWERED, answer->status,
		    bytes.len - answer->head);
		emergency_drain(client);
	} else if (c->out.sent > x->answer_from || c->out.deferring) {
		score_fate(score,
		    has_whole_head(x) ? SCORE_ANSWERED : SCORE_CUT_OFF,
		    x->response.status, exchange_content_in(x, c->out.sent));
	}
}
