#include <linux/audit.h>
#include <linux/ioprio.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "sandbox/seccomp.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0 /* its calls have not been looked at: no filter */
#endif

/* The last call that these lists have been checked against: Linux 6.1's. */
#define NEWEST_CALL 450

#define ALLOWED SECCOMP_RET_ALLOW
#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)

/* Bits that no level of TCP's or sockets' own options has. */
#define SOCKET_LEVELS (~7U)

_Static_assert(SO_SNDTIMEO == (SO_RCVTIMEO | 1) && SO_RCVTIMEO % 2 == 0,
    "one comparison is for both timeouts");
_Static_assert(TCP_NODELAY == 1 && TCP_CORK == 3, "and one for these two");

#define NEW_SPACES                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* Of an argument only the lower half is looked at: all of these are ints. */
enum seccomp_when {
	WHEN_CALLED,
	WHEN_EQUAL,	     /* (argument & mask) == value */
	WHEN_OTHER,	     /* != value */
	WHEN_OTHERS_PROCESS, /* it is not this process's number */
	WHEN_OWN_PROCESS,
};

struct seccomp_rule {
	int call;
	unsigned grant; /* for which the rule is left out, or put in: below */
	enum seccomp_when when;
	int argument;
	uint32_t mask;
	uint32_t value;
	/* Only if the next rule matches, too: of that call and grant. */
	bool and_next;
};

#define CALL(name)                                                             \
	{                                                                      \
		.call = SYS_##name                                             \
	}
#define UNLESS(what, name)                                                     \
	{                                                                      \
		.call = SYS_##name, .grant = SECCOMP_GRANT_##what              \
	}
#define IF(name, when_, argument_, mask_, value_)                              \
	{                                                                      \
		.call = SYS_##name, .when = WHEN_##when_,                      \
		.argument = (argument_), .mask = (mask_), .value = (value_)    \
	}

#define UNLESS_IF(what, name, when_, argument_, mask_, value_)                 \
	{                                                                      \
		.call = SYS_##name, .grant = SECCOMP_GRANT_##what,             \
		.when = WHEN_##when_, .argument = (argument_),                 \
		.mask = (mask_), .value = (value_)                             \
	}
/* Programs need descriptors that do not block, as those with sockets do. */
#define SECCOMP_GRANT_NONBLOCK (SECCOMP_GRANT_CONNECT | SECCOMP_GRANT_EXEC)
/* A rule that both of these leave out. */
#define SECCOMP_GRANT_OPTION (SECCOMP_GRANT_CONNECT | SECCOMP_GRANT_CORK)

#define UNLESS_BOTH(what, name, when_, argument_, mask_, value_)               \
	{                                                                      \
		.call = SYS_##name, .grant = SECCOMP_GRANT_##what,             \
		.when = WHEN_##when_, .argument = (argument_),                 \
		.mask = (mask_), .value = (value_), .and_next = true           \
	}

/*
 * The calls that the kernel refuses to a worker.  A rule with a grant does not
 * apply to a worker that has that grant.
 */
static const struct seccomp_rule worker_rules[] = {
    /* Other programs, other processes. */
    UNLESS(EXEC, execve),
    UNLESS(EXEC, execveat),
#ifdef SYS_fork
    UNLESS(EXEC, fork),
    UNLESS(EXEC, vfork),
#endif
    UNLESS_IF(EXEC, clone, OTHER, 0, CLONE_THREAD, CLONE_THREAD),
    IF(clone, OTHER, 0, NEW_SPACES, 0),
    UNLESS_IF(EXEC, kill, OTHERS_PROCESS, 0, 0, 0),
    UNLESS_IF(EXEC, tgkill, OTHERS_PROCESS, 0, 0, 0),
    UNLESS(EXEC, tkill),
    UNLESS(EXEC, rt_sigqueueinfo),
    UNLESS(EXEC, rt_tgsigqueueinfo),
    UNLESS(EXEC, pidfd_send_signal),
    CALL(ptrace),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(process_madvise),
    CALL(pidfd_getfd),
    CALL(kcmp),
    /* Shared memory could grow over that of others; realloc(3) then copies. */
    UNLESS(EXEC, mremap),
    CALL(remap_file_pages),
    /* Being somebody else, somewhere else. */
    CALL(setuid),
    CALL(setgid),
    CALL(setreuid),
    CALL(setregid),
    CALL(setresuid),
    CALL(setresgid),
    CALL(setfsuid),
    CALL(setfsgid),
    CALL(setgroups),
    CALL(capset),
    CALL(chroot),
    CALL(unshare),
    CALL(setns),
    CALL(personality),
    /* Mounts, and files by other ways than by name. */
    CALL(mount),
    CALL(umount2),
    CALL(pivot_root),
    CALL(open_tree),
    CALL(move_mount),
    CALL(fsopen),
    CALL(fsconfig),
    CALL(fsmount),
    CALL(fspick),
#ifdef SYS_mount_setattr
    CALL(mount_setattr),
#endif
    CALL(name_to_handle_at),
    CALL(open_by_handle_at),
    CALL(quotactl),
#ifdef SYS_quotactl_fd
    CALL(quotactl_fd),
#endif
    CALL(fanotify_init),
    /* Files' owners, modes and times, which Landlock leaves alone. */
    UNLESS(FILES, fchmod),
    UNLESS(FILES, fchmodat),
    UNLESS(FILES, fchown),
    UNLESS(FILES, fchownat),
    UNLESS(FILES, utimensat),
    UNLESS(FILES, setxattr),
    UNLESS(FILES, lsetxattr),
    UNLESS(FILES, fsetxattr),
    UNLESS(FILES, removexattr),
    UNLESS(FILES, lremovexattr),
    UNLESS(FILES, fremovexattr),
    UNLESS(FILES, mknodat),
#ifdef SYS_chmod
    UNLESS(FILES, chmod),
    UNLESS(FILES, chown),
    UNLESS(FILES, lchown),
    UNLESS(FILES, utime),
    UNLESS(FILES, utimes),
    UNLESS(FILES, futimesat),
    UNLESS(FILES, mknod),
#endif
    /* Sockets of its own.  A client's could be turned elsewhere by connect. */
    UNLESS(CONNECT, socket),
    UNLESS(CONNECT, connect),
    /* Descriptors in a pair count against all of the user: unix(7). */
    UNLESS(CONNECT, socketpair),
    UNLESS(CONNECT, bind), /* as name servers are asked */
    CALL(listen),
    /* These connect, too, and with a listener for a socket. */
    UNLESS_IF(CONNECT, sendto, EQUAL, 3, MSG_FASTOPEN, MSG_FASTOPEN),
    UNLESS_IF(CONNECT, sendmsg, EQUAL, 2, MSG_FASTOPEN, MSG_FASTOPEN),
    UNLESS_IF(CONNECT, sendmmsg, EQUAL, 3, MSG_FASTOPEN, MSG_FASTOPEN),
    /* All processes share the listeners: a shutdown would end them for all. */
    UNLESS(SHUTDOWN, shutdown),
    IF(shutdown, OTHER, 1, ~0U, SHUT_WR),
    /* Of options a worker needs TCP_NODELAY and the two timeouts, no more. */
    UNLESS_IF(CONNECT, setsockopt, EQUAL, 1, ~0U, IPPROTO_IP),
    UNLESS_IF(CONNECT, setsockopt, OTHER, 1, SOCKET_LEVELS, 0),
    UNLESS_BOTH(CONNECT, setsockopt, EQUAL, 1, ~0U, SOL_SOCKET),
    UNLESS_IF(CONNECT, setsockopt, OTHER, 2, ~1U, SO_RCVTIMEO),
    UNLESS_BOTH(OPTION, setsockopt, EQUAL, 1, ~0U, IPPROTO_TCP),
    UNLESS_IF(OPTION, setsockopt, OTHER, 2, ~0U, TCP_NODELAY),
    UNLESS_BOTH(CONNECT, setsockopt, EQUAL, 1, ~0U, IPPROTO_TCP),
    UNLESS_IF(CONNECT, setsockopt, OTHER, 2, ~2U, TCP_NODELAY),
    UNLESS_IF(NONBLOCK, fcntl, EQUAL, 1, ~0U, F_SETFL),
    UNLESS_IF(NONBLOCK, ioctl, EQUAL, 1, ~0U, FIONBIO),
    IF(fcntl, EQUAL, 1, ~0U, F_SETPIPE_SZ),
    IF(fcntl, EQUAL, 1, ~0U, F_SETLEASE),
    IF(fcntl, EQUAL, 1, ~0U, F_NOTIFY),
    UNLESS_IF(FILES, fcntl, EQUAL, 1, ~0U, F_SETLK),
    UNLESS_IF(FILES, fcntl, EQUAL, 1, ~0U, F_SETLKW),
    UNLESS_IF(FILES, fcntl, EQUAL, 1, ~0U, F_OFD_SETLK),
    UNLESS_IF(FILES, fcntl, EQUAL, 1, ~0U, F_OFD_SETLKW),
    UNLESS(FILES, flock),
    IF(fcntl, EQUAL, 1, ~0U, F_SETOWN),
    IF(fcntl, EQUAL, 1, ~0U, F_SETOWN_EX),
    IF(fcntl, EQUAL, 1, ~0U, F_SETSIG),
    IF(ioctl, EQUAL, 1, ~0U, FIOASYNC),
    IF(ioctl, EQUAL, 1, ~0U, FIOSETOWN),
    IF(ioctl, EQUAL, 1, ~0U, SIOCSPGRP),
    UNLESS(FILES, ftruncate), /* of logs */
    UNLESS(FILES, pwritev2),  /* not at the end: RWF_NOAPPEND */
    UNLESS(FILES, fallocate),
    /* Other processes of the same user. */
    IF(prlimit64, OTHER, 0, ~0U, 0),
    IF(setpriority, OTHER, 0, ~0U, PRIO_PROCESS),
    IF(setpriority, OTHER, 1, ~0U, 0),
    IF(ioprio_set, OTHER, 0, ~0U, IOPRIO_WHO_PROCESS),
    IF(ioprio_set, OTHER, 1, ~0U, 0),
    IF(sched_setparam, OTHER, 0, ~0U, 0),
    IF(sched_setscheduler, OTHER, 0, ~0U, 0),
    IF(sched_setattr, OTHER, 0, ~0U, 0),
    IF(sched_setaffinity, OTHER, 0, ~0U, 0),
    IF(migrate_pages, OTHER, 0, ~0U, 0),
    IF(move_pages, OTHER, 0, ~0U, 0),
    /* Keys into a terminal that somebody else types at. */
    IF(ioctl, EQUAL, 1, ~0U, TIOCSTI),
    IF(ioctl, EQUAL, 1, ~0U, TIOCLINUX),
    /* The kernel's own business, and its less trodden paths. */
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(kexec_load),
#ifdef SYS_kexec_file_load
    CALL(kexec_file_load),
#endif
    CALL(reboot),
    CALL(swapon),
    CALL(swapoff),
    CALL(acct),
    CALL(syslog),
    CALL(sethostname),
    CALL(setdomainname),
    CALL(settimeofday),
    CALL(clock_settime),
    CALL(clock_adjtime),
    CALL(adjtimex),
    CALL(vhangup),
    CALL(bpf),
    CALL(perf_event_open),
    CALL(userfaultfd),
    CALL(add_key),
    CALL(request_key),
    CALL(keyctl),
    CALL(io_uring_setup),
    CALL(io_uring_enter),
    CALL(io_uring_register),
#ifdef SYS_iopl
    CALL(iopl),
    CALL(ioperm),
    CALL(modify_ldt),
#endif
};

/*
 * The calls that the kernel allows the lot.  A rule with a grant applies only if
 * the lot has that grant.
 */
static const struct seccomp_rule lot_rules[] = {
    /* Connections, and what it is handed and hands on. */
    CALL(epoll_ctl),
    CALL(epoll_pwait),
    CALL(ppoll),
    CALL(accept4),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(sendto),
    CALL(sendmsg),
    CALL(read),
    CALL(write),
    CALL(writev),
    CALL(pread64),
    CALL(preadv2),
    CALL(lseek),
    CALL(sendfile),
    CALL(fstat),
    IF(newfstatat, EQUAL, 3, AT_EMPTY_PATH, AT_EMPTY_PATH), /* fstat(3) */
    CALL(close),
    CALL(shutdown),
    CALL(setsockopt),
    CALL(getsockopt),
    CALL(getsockname),
    CALL(getpeername),
    CALL(fcntl),
    IF(ioctl, EQUAL, 1, ~0U, FIONREAD),
    IF(ioctl, EQUAL, 1, ~0U, FIONBIO),
    IF(ioctl, EQUAL, 1, ~0U, TIOCOUTQ),
    CALL(dup),
    CALL(dup3),
    CALL(eventfd2),
    CALL(epoll_create1),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    /* Memory, which is never made to run. */
    CALL(brk),
    CALL(munmap),
    CALL(mremap),
    CALL(madvise),
    IF(mmap, EQUAL, 2, PROT_EXEC, 0),
    IF(mprotect, EQUAL, 2, PROT_EXEC, 0),
    /* Itself. */
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(sigaltstack),
    CALL(restart_syscall),
    IF(kill, OWN_PROCESS, 0, 0, 0),
    IF(tgkill, OWN_PROCESS, 0, 0, 0),
    CALL(setitimer), /* alarm(2), when it breaks */
    CALL(getpid),
    CALL(getppid),
    CALL(gettid),
    CALL(getuid),
    CALL(geteuid),
    CALL(prctl),
    CALL(prlimit64),
    CALL(getrlimit),
    CALL(setrlimit),
    CALL(getrusage),
    CALL(futex),
    CALL(sched_yield),
    CALL(getrandom),
    CALL(uname),
    CALL(clock_gettime),
    CALL(clock_nanosleep),
    CALL(nanosleep),
    CALL(gettimeofday),
    CALL(exit),
    CALL(exit_group),
#ifdef SYS_fork /* the older calls of x86-64, which its C library prefers */
    CALL(epoll_wait),
    CALL(poll),
    CALL(dup2),
    CALL(time),
    CALL(alarm),
#endif
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define RULES_MAX                                                              \
	(COUNT(worker_rules) > COUNT(lot_rules) ? COUNT(worker_rules)          \
						: COUNT(lot_rules))
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
load(struct assembly *a, size_t offset)
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
give_back(struct assembly *a, uint32_t action)
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

	load(a, argument); /* both machines have the lower half first */
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
	give_back(a, action);
	load(a, offsetof(struct seccomp_data, nr));
}

/*
 * Calls through another interface of the kernel (32 bits, x32) have other
 * numbers.
 */
static void
add_prologue(struct assembly *a)
{
	load(a, offsetof(struct seccomp_data, arch));
	unless_equal_skip(a, ARCH, 1);
	emit(a, BPF_JMP | BPF_JA, 1, 0, 0);
	give_back(a, UNKNOWN);
	load(a, offsetof(struct seccomp_data, nr));
	emit(a, BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 0, 1);
	give_back(a, UNKNOWN);
	/* Its flags lie in memory, unseen: libraries know clone instead. */
	unless_equal_skip(a, SYS_clone3, 1);
	give_back(a, UNKNOWN);
}

/* Those of a list that count, ordered by the number of their call. */
struct selection {
	const struct seccomp_rule *at[RULES_MAX];
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
	give_back(a, s->otherwise);
	give_back(a, s->action);
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

	for (size_t i = 0; i < COUNT(worker_rules); i++)
		if ((worker_rules[i].grant & grants) == 0)
			select_rule(&s, &worker_rules[i]);
	add_rules(a, &s, 0, s.count);
}

static void
add_lot_rules(struct assembly *a, unsigned grants)
{
	struct selection s = {.action = ALLOWED, .otherwise = REFUSED};

	for (size_t i = 0; i < COUNT(lot_rules); i++)
		if (lot_rules[i].grant == 0 ||
		    (lot_rules[i].grant & grants) != 0)
			select_rule(&s, &lot_rules[i]);
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
	struct sock_filter program[SECCOMP_PROGRAM_MAX];
	struct sock_fprog filter = {.filter = program};

	filter.len =
	    (unsigned short)seccomp_compile(program, list, grants, getpid());
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter);
}
