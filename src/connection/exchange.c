#include <assert.h>
#include <unistd.h>

#include "connection/exchange.h"
#include "connection/spool.h"

void
exchange_init(struct tined_exchange *x, struct connection *connection)
{
	x->connection = connection;
	x->content_file = -1;
	response_init(&x->response);
}

void
exchange_free(struct tined_exchange *x)
{
	response_free(&x->response);
	buffer_free(&x->path);
	buffer_free(&x->redirect);
	buffer_free(&x->redirected);
	buffer_free(&x->head);
}

/*
 * From here on an emergency is this request's, and not that of the one before.
 * respond_start sets the same again, behind what an interim response has added.
 */
static void
expect_answer(struct tined_exchange *x)
{
	x->answer_from = output_position(&x->connection->out);
	x->content_from = UINT64_MAX;
}

/*
 * Until the handler has finished the response, only respond_stream lets it wait.
 */
void
exchange_enter(struct tined_exchange *x, enum exchange_state state)
{
	assert((state == EXCHANGE_WAITING || state > x->state) &&
	    "exchange: it goes back to a state before");
	if (state == EXCHANGE_PARSED)
		expect_answer(x);
	x->state = state;
	x->connection->parking.response_may_wait =
	    state != EXCHANGE_ANSWERING && state != EXCHANGE_STREAMING;
}

void
exchange_reset(struct tined_exchange *x)
{
	exchange_enter(x, EXCHANGE_WAITING);
	x->arrival = (struct exchange_arrival){0};
	x->mount = NULL;
	x->wanted_bytes = 0;
	x->wait_began = 0;
	x->stall = (struct stall){.cause = STALL_NONE};
	if (x->content_file != -1)
		close(x->content_file);
	x->content_file = -1;
	spool_clear();
}

uint64_t
exchange_content_in(const struct tined_exchange *x, uint64_t position)
{
	return position > x->content_from ? position - x->content_from : 0;
}
