#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "shared/wakeup.h"
#include "unit.h"

#define MANY 100000
#define PATIENCE 60 /* seconds, until SIGALRM ends one that waits */

static struct wakeup w;

void
unit_set_up(void)
{
	ck_assert_int_eq(wakeup_open(&w), 0);
	alarm(PATIENCE);
}

void
unit_tear_down(void)
{
	wakeup_close(&w);
	alarm(0);
}

TEST(what_is_sent_is_taken_once)
{
	ck_assert(!wakeup_take(&w));
	wakeup_send(&w);
	wakeup_send(&w);
	ck_assert(wakeup_take(&w));
	ck_assert(!wakeup_take(&w));
}

/* As a worker that was taken over may do: ioctl(FIONBIO) on its own end. */
static void
make_blocking(int fd)
{
	int off = 0;

	ck_assert_int_eq(ioctl(fd, FIONBIO, &off), 0);
}

TEST(neither_end_can_be_made_to_wait)
{
	make_blocking(w.from);
	make_blocking(w.to);
	ck_assert(!wakeup_take(&w));
	for (int i = 0; i < MANY; i++)
		wakeup_send(&w);
	ck_assert(wakeup_take(&w));
	for (int i = 0; i < MANY; i++)
		wakeup_send_to_all(&w);
	ck_assert(wakeup_take(&w));
}

TEST(the_other_way_is_closed)
{
	ck_assert_int_eq(send(w.from, "", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
	wakeup_send(&w);
	ck_assert(wakeup_take(&w));
}

/* However often, and without one who takes. */
TEST(each_time_wakes_all_who_watch)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int watchers[2];

	for (int i = 0; i < 2; i++) {
		watchers[i] = epoll_create1(EPOLL_CLOEXEC);
		ck_assert_int_eq(
		    epoll_ctl(watchers[i], EPOLL_CTL_ADD, w.from, &event), 0);
	}
	for (int times = 0; times < 1000; times++) {
		wakeup_send_to_all(&w);
		for (int i = 0; i < 2; i++) {
			ck_assert_int_eq(
			    epoll_wait(watchers[i], &event, 1, 0), 1);
			ck_assert_int_eq(
			    epoll_wait(watchers[i], &event, 1, 0), 0);
		}
	}
	close(watchers[0]);
	close(watchers[1]);
}
