#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <errno.h>
#include <unistd.h>

#include "sandbox/seccomp.h"
#include "sandbox/seccomp_rules.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0 /* its calls have not been looked at: no filter */
#endif

#define ALLOWED SECCOMP_RET_ALLOW
#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)

/* So many rules are compared one after the other. */
#define LEAF_RULES 8

struct assembly {
	struct sock_filter *at;
	size_t length;
	uint32_t self;
};

static void
emit(struct assembly *a, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	a->at[a->length++] = (struct sock_filter){code, yes, no, k};
}

static void
seccomp_load(struct assembly *a, size_t offset)
{
	emit(a, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Goes on with the next instruction if it is so, else past the one behind. */
static void
unless_equal_skip(struct assembly *a, uint32_t value, uint8_t count)
{
	emit(a, BPF_JMP | BPF_JEQ | BPF_K, value, 0, count);
}

static void
seccomp_give_back(struct assembly *a, uint32_t action)
{
	emit(a, BPF_RET | BPF_K, action, 0, 0);
}

/* Instructions of a test, and of what comes behind the last one. */
#define TEST_LENGTH 3
#define ACTION_LENGTH 1

/* Goes on if the rule matches, else past so many instructions. */
static void
add_test(struct assembly *a, const struct seccomp_rule *rule, uint8_t past)
{
	const size_t argument = offsetof(struct seccomp_data, args) +
	    (size_t)rule->argument * sizeof(uint64_t);
	const bool process =
	    rule->when == WHEN_OTHERS_PROCESS || rule->when == WHEN_OWN_PROCESS;
	const bool negated =
	    rule->when == WHEN_OTHER || rule->when == WHEN_OTHERS_PROCESS;

	seccomp_load(a, argument); /* both machines have the lower half first */
	emit(a, BPF_ALU | BPF_AND | BPF_K, process ? ~0U : rule->mask, 0, 0);
	emit(a, BPF_JMP | BPF_JEQ | BPF_K, process ? a->self : rule->value,
	    negated ? past : 0, negated ? 0 : past);
}

/*
 * Of a rule, or of two that must both match.  The number of the call is loaded
 * before it, and after it.
 */
static void
add_condition(
    struct assembly *a, const struct seccomp_rule *rule, uint32_t action)
{
	const uint8_t tests = rule->and_next ? 2 : 1;

	unless_equal_skip(
	    a, (uint32_t)rule->call, tests * TEST_LENGTH + ACTION_LENGTH + 1);
	add_test(a, rule, (tests - 1) * TEST_LENGTH + ACTION_LENGTH);
	if (rule->and_next)
		add_test(a, rule + 1, ACTION_LENGTH);
	seccomp_give_back(a, action);
	seccomp_load(a, offsetof(struct seccomp_data, nr));
}

/*
 * Calls through another interface of the kernel (32 bits, x32) have other
 * numbers.
 */
static void
add_prologue(struct assembly *a)
{
	seccomp_load(a, offsetof(struct seccomp_data, arch));
	unless_equal_skip(a, ARCH, 1);
	emit(a, BPF_JMP | BPF_JA, 1, 0, 0);
	seccomp_give_back(a, UNKNOWN);
	seccomp_load(a, offsetof(struct seccomp_data, nr));
	emit(a, BPF_JMP | BPF_JGT | BPF_K, SECCOMP_NEWEST_CALL, 0, 1);
	seccomp_give_back(a, UNKNOWN);
	/* Its flags lie in memory, unseen: libraries know clone instead. */
	unless_equal_skip(a, SYS_clone3, 1);
	seccomp_give_back(a, UNKNOWN);
}

/* Those of a list that count, ordered by the number of their call. */
struct selection {
	const struct seccomp_rule *at[SECCOMP_RULES_MAX];
	size_t count;
	uint32_t action; /* for what they match */
	uint32_t otherwise;
};

static void
select_rule(struct selection *s, const struct seccomp_rule *rule)
{
	size_t i = s->count++;

	for (; i > 0 && s->at[i - 1]->call > rule->call; i--)
		s->at[i] = s->at[i - 1];
	s->at[i] = rule;
}

/* The first rule of [from, to) whose call is that of none before the middle. */
static size_t
halve(const struct selection *s, size_t from, size_t to)
{
	size_t middle = from + (to - from) / 2;

	while (middle > from && s->at[middle - 1]->call == s->at[middle]->call)
		middle--;
	return middle;
}

static bool
is_plain(const struct seccomp_rule *rule)
{
	return rule->when == WHEN_CALLED;
}

/* Those of [from, to) one after the other. */
static void
add_leaf(struct assembly *a, const struct selection *s, size_t from, size_t to)
{
	uint8_t left = 0;

	for (size_t i = from; i < to; i++) {
		if (is_plain(s->at[i])) {
			left++;
		} else {
			add_condition(a, s->at[i], s->action);
			i += s->at[i]->and_next;
		}
	}
	for (size_t i = from; i < to; i++)
		if (is_plain(s->at[i]))
			emit(a, BPF_JMP | BPF_JEQ | BPF_K,
			    (uint32_t)s->at[i]->call, left--, 0);
	seccomp_give_back(a, s->otherwise);
	seccomp_give_back(a, s->action);
}

/*
 * A tree: when a filter is put in force, the kernel runs it for each call that
 * there is, which would take longer than all else that a worker begins with.
 */
static void
add_rules(struct assembly *a, const struct selection *s, size_t from, size_t to)
{
	size_t middle = halve(s, from, to), jump;

	if (to - from <= LEAF_RULES || middle == from) {
		add_leaf(a, s, from, to);
		return;
	}
	/* A conditional jump reaches no further than 255 instructions. */
	emit(a, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)s->at[middle]->call, 0, 1);
	jump = a->length;
	emit(a, BPF_JMP | BPF_JA, 0, 0, 0);
	add_rules(a, s, from, middle);
	a->at[jump].k = (uint32_t)(a->length - jump - 1);
	add_rules(a, s, middle, to);
}

static void
add_worker_rules(struct assembly *a, unsigned grants)
{
	struct selection s = {.action = REFUSED, .otherwise = ALLOWED};

	for (size_t i = 0; i < seccomp_worker_count; i++)
		if ((seccomp_worker_rules[i].grant & grants) == 0)
			select_rule(&s, &seccomp_worker_rules[i]);
	add_rules(a, &s, 0, s.count);
}

static void
add_lot_rules(struct assembly *a, unsigned grants)
{
	struct selection s = {.action = ALLOWED, .otherwise = REFUSED};

	for (size_t i = 0; i < seccomp_lot_count; i++)
		if (seccomp_lot_rules[i].grant == 0 ||
		    (seccomp_lot_rules[i].grant & grants) != 0)
			select_rule(&s, &seccomp_lot_rules[i]);
	add_rules(a, &s, 0, s.count);
}

size_t
seccomp_compile(struct sock_filter program[SECCOMP_PROGRAM_MAX],
    enum seccomp_list list, unsigned grants, pid_t self)
{
	struct assembly a = {.at = program, .self = (uint32_t)self};

	if (ARCH == 0)
		return 0;
	add_prologue(&a);
	if (list == SECCOMP_WORKER)
		add_worker_rules(&a, grants);
	else
		add_lot_rules(&a, grants);
	return a.length;
}

bool
seccomp_probe(void)
{
	const uint32_t action = SECCOMP_RET_ERRNO;

	return ARCH != 0 &&
	    syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/*
 * The kernel's audit log gets the refused calls.  SPEC_ALLOW: the kernel need not
 * slow this process down to protect it against a filter of an attacker.
 */
int
seccomp_confine(enum seccomp_list list, unsigned grants)
{
	const size_t size = SECCOMP_PROGRAM_MAX * sizeof(struct sock_filter);
	struct sock_fprog filter = {0};
	int result;

	/* Not on the stack, whose pages an idle process would keep. */
	filter.filter = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (filter.filter == MAP_FAILED)
		return -1;
	filter.len = (unsigned short)seccomp_compile(
	    filter.filter, list, grants, getpid());
	result = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter);
	munmap(filter.filter, size);
	return result;
}
