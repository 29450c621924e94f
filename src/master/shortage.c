#include "master/shortage.h"

enum shortage_news
shortage_note(struct shortage *s, bool all_occupied, int waiting, int64_t now)
{
	if (all_occupied && waiting > 0) {
		if (s->since == 0)
			*s = (struct shortage){.since = now};
		s->until = now;
		if (waiting > s->most)
			s->most = waiting;
		if (s->logged || now - s->since < SHORTAGE_BEGINS)
			return SHORTAGE_NONE;
		s->logged = true;
		return SHORTAGE_HAS_BEGUN;
	}
	if (!s->logged) {
		s->since = 0;
		return SHORTAGE_NONE;
	}
	if (now - s->until < SHORTAGE_ENDS)
		return SHORTAGE_NONE;
	s->logged = false;
	return SHORTAGE_HAS_ENDED;
}

int64_t
shortage_next(const struct shortage *s)
{
	return s->logged ? s->until + SHORTAGE_ENDS : CLOCK_NEVER;
}
