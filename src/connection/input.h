/*
 * input: the one place that reads from clients, and the buffer it reads into.
 * Every wait has its end.
 */
#ifndef TINED_CONNECTION_INPUT_H
#define TINED_CONNECTION_INPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum input_result {
	INPUT_BYTES, /* there are more than before */
	INPUT_END,   /* the client sends no more */
	INPUT_TIMEOUT,
	INPUT_FAILED, /* reset by the client, or worse */
};

struct input {
	int fd;	    /* not owned; -1 if detached */
	char *data; /* owned */
	size_t size;
	size_t begin; /* data[begin..end) has not been taken yet */
	size_t end;
	size_t touched; /* the most of data that had bytes */
	size_t held;	/* data[0..held) stays where it is */
	uint64_t taken; /* bytes since input_attach */
	/* For input_hurry: fd while input_wait waits, else -1. */
	volatile sig_atomic_t idle_fd;
	volatile sig_atomic_t hurry;
	volatile sig_atomic_t yield; /* input_yield */
};

void input_init(struct input *in, size_t size);
void input_free(struct input *in);
void input_attach(struct input *in, int fd);
/* Between clients: if much of it was used, that takes no memory any more. */
bool input_forget(struct input *in);

/*
 * Waits for bytes when none are expected yet, in one blocking system call that
 * lasts at most as long as the listener's SO_RCVTIMEO; or not at all.
 */
enum input_result input_wait(struct input *in, bool block);
/* Bytes that came by another way (channel.h). */
void input_filled(struct input *in, size_t len);
/*
 * Ends an input_wait, and makes every later one take only what is there
 * already.  For the handler of a signal.
 */
void input_hurry(struct input *in);
/*
 * The same for a client who goes on elsewhere, and for input_linger too: the
 * wait ends as if its time were over, and nothing is done to the connection.
 * One that begins at this very moment may last its time.
 */
void input_yield(struct input *in);
/*
 * Waits for bytes until a deadline (clock.h).  There must be room for one, here
 * and for input_wait: what is in the way is taken first.
 */
enum input_result input_more(struct input *in, int64_t deadline);
/* The same for bytes that somebody else may wait for: input_yield ends it. */
enum input_result input_linger(struct input *in, int64_t deadline);

/* What has not been taken. */
struct text input_text(const struct input *in);
void input_take(struct input *in, size_t len);
/*
 * Moves what has not been taken to the front, if there is less room than this
 * behind its first len bytes.
 */
void input_compact(struct input *in, size_t len, size_t room);
/* Whether what comes next makes what has not been taken move. */
bool input_is_full(const struct input *in);
/* What has been taken stays in its place until it is released. */
void input_hold(struct input *in);
void input_release(struct input *in);

#endif
