#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/seccomp.h"
#include "unit.h"

#define SELF 1234
#define CALLS_MAX 1000
#define X32 0x40000000

#define ALLOWED ((int)SECCOMP_RET_ALLOW)
#define REFUSED ((int)(SECCOMP_RET_ERRNO | EPERM))
#define UNKNOWN ((int)(SECCOMP_RET_ERRNO | ENOSYS))

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define OTHER_ARCH AUDIT_ARCH_I386
#else
#define ARCH AUDIT_ARCH_AARCH64
#define OTHER_ARCH AUDIT_ARCH_ARM
#endif

static struct sock_filter program[SECCOMP_PROGRAM_MAX];
static size_t length;
static unsigned steps; /* of the last run */

/* The instructions that the compiler uses, as the kernel runs them. */
static int
run(const struct seccomp_data *data)
{
	uint32_t a = 0;

	steps = 0;

	for (size_t pc = 0; pc < length; pc++) {
		const struct sock_filter *f = &program[pc];

		steps++;
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			ck_assert_uint_le(f->k + sizeof(a), sizeof(*data));
			memcpy(&a, (const char *)data + f->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > f->k ? f->jt : f->jf;
			break;
		case BPF_RET | BPF_K:
			return (int)f->k;
		default:
			ck_abort_msg("instruction %#x", f->code);
		}
	}
	ck_abort_msg("the program has no end");
	return 0;
}

static void
compile(enum seccomp_list list, unsigned grants)
{
	length = seccomp_compile(program, list, grants, SELF);
	ck_assert_uint_le(length, SECCOMP_PROGRAM_MAX);
}

static int
ask(int call, uint64_t first, uint64_t second, uint64_t third)
{
	const struct seccomp_data data = {
	    .nr = call, .arch = ARCH, .args = {first, second, third}};

	return run(&data);
}

static int
plain(int call)
{
	return ask(call, 0, 0, 0);
}

TEST(other_entries_are_refused)
{
	struct seccomp_data data = {.nr = SYS_read, .arch = OTHER_ARCH};

	for (int list = SECCOMP_WORKER; list <= SECCOMP_LOT; list++) {
		compile(list, 0);
		ck_assert_int_eq(run(&data), UNKNOWN);
		ck_assert_int_eq(plain(SYS_read), ALLOWED);
		ck_assert_int_eq(plain(SYS_read | X32), UNKNOWN);
		ck_assert_int_eq(plain(-1), UNKNOWN);
		ck_assert_int_eq(plain(451), UNKNOWN);
		ck_assert_int_eq(plain(SYS_clone3), UNKNOWN);
	}
}

TEST(a_worker_serves)
{
	static const int calls[] = {SYS_read, SYS_write, SYS_recvfrom,
	    SYS_sendto, SYS_sendfile, SYS_accept4, SYS_epoll_ctl, SYS_openat2,
	    SYS_openat, SYS_fstat, SYS_pread64, SYS_close, SYS_getdents64,
	    SYS_mmap, SYS_munmap, SYS_mprotect, SYS_futex, SYS_rt_sigaction,
	    SYS_rt_sigreturn, SYS_getrandom, SYS_clock_gettime, SYS_ioctl,
	    SYS_prctl, SYS_exit_group};

	compile(SECCOMP_WORKER, 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		ck_assert_int_eq(plain(calls[i]), ALLOWED);
}

TEST(a_worker_is_refused_the_rest)
{
	static const int calls[] = {SYS_execve, SYS_execveat, SYS_ptrace,
	    SYS_setuid, SYS_setresuid, SYS_setgroups, SYS_capset, SYS_chroot,
	    SYS_mount, SYS_unshare, SYS_setns, SYS_bpf, SYS_keyctl,
	    SYS_init_module, SYS_kexec_load, SYS_socket, SYS_bind, SYS_connect,
	    SYS_listen, SYS_io_uring_setup, SYS_fchmodat, SYS_fchownat,
	    SYS_utimensat, SYS_reboot, SYS_process_vm_writev,
	    SYS_open_by_handle_at, SYS_perf_event_open, SYS_userfaultfd,
	    SYS_mremap, SYS_remap_file_pages};

	compile(SECCOMP_WORKER, 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		ck_assert_int_eq(plain(calls[i]), REFUSED);
#ifdef SYS_fork
	ck_assert_int_eq(plain(SYS_fork), REFUSED);
	ck_assert_int_eq(plain(SYS_vfork), REFUSED);
#endif
}

TEST(threads_yes_processes_no)
{
	compile(SECCOMP_WORKER, 0);
	ck_assert_int_eq(
	    ask(SYS_clone, CLONE_VM | CLONE_THREAD, 0, 0), ALLOWED);
	ck_assert_int_eq(ask(SYS_clone, CLONE_VM, 0, 0), REFUSED);
	ck_assert_int_eq(
	    ask(SYS_clone, CLONE_THREAD | CLONE_NEWNS, 0, 0), REFUSED);
	/* The upper half changes nothing. */
	ck_assert_int_eq(ask(SYS_clone, UINT64_C(1) << 40, 0, 0), REFUSED);
	compile(SECCOMP_WORKER, SECCOMP_GRANT_EXEC);
	ck_assert_int_eq(ask(SYS_clone, SIGCHLD, 0, 0), ALLOWED);
	ck_assert_int_eq(ask(SYS_clone, CLONE_NEWUSER, 0, 0), REFUSED);
	ck_assert_int_eq(plain(SYS_execve), ALLOWED);
	ck_assert_int_eq(ask(SYS_kill, SELF + 1, 0, 0), ALLOWED);
	ck_assert_int_eq(plain(SYS_ptrace), REFUSED);
}

TEST(signals_to_oneself)
{
	for (int list = SECCOMP_WORKER; list <= SECCOMP_LOT; list++) {
		compile(list, 0);
		ck_assert_int_eq(ask(SYS_kill, SELF, 0, 0), ALLOWED);
		ck_assert_int_eq(ask(SYS_tgkill, SELF, SELF, 0), ALLOWED);
		ck_assert_int_eq(ask(SYS_kill, SELF + 1, 0, 0), REFUSED);
		ck_assert_int_eq(ask(SYS_tgkill, 1, SELF, 0), REFUSED);
		ck_assert_int_eq(ask(SYS_kill, (uint64_t)-1, 0, 0), REFUSED);
		ck_assert_int_eq(ask(SYS_kill, 0, 0, 0), REFUSED);
	}
}

TEST(sockets_as_granted)
{
	compile(SECCOMP_WORKER, 0);
	ck_assert_int_eq(ask(SYS_socket, AF_UNIX, 0, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_socket, AF_INET, 0, 0), REFUSED);
	ck_assert_int_eq(plain(SYS_socketpair), REFUSED);
	ck_assert_int_eq(plain(SYS_connect), REFUSED);
	ck_assert_int_eq(plain(SYS_bind), REFUSED);
	compile(SECCOMP_WORKER, SECCOMP_GRANT_CONNECT);
	ck_assert_int_eq(ask(SYS_socket, AF_INET, 0, 0), ALLOWED);
	ck_assert_int_eq(plain(SYS_connect), ALLOWED);
	ck_assert_int_eq(plain(SYS_listen), REFUSED);
	/* The lot is granted nothing. */
	compile(SECCOMP_LOT, ~0U);
	ck_assert_int_eq(ask(SYS_socket, AF_UNIX, 0, 0), REFUSED);
	ck_assert_int_eq(plain(SYS_connect), REFUSED);
	ck_assert_int_eq(plain(SYS_execve), REFUSED);
}

/* All that is shared with other processes has these: the listeners, too. */
TEST(options_that_serving_needs_can_be_set_and_no_other)
{
	static const struct {
		int level, option, result;
	} all[] = {
	    {SOL_SOCKET, SO_RCVTIMEO, ALLOWED},
	    {SOL_SOCKET, SO_SNDTIMEO, ALLOWED},
	    {IPPROTO_TCP, TCP_NODELAY, ALLOWED},
	    {IPPROTO_IP, IP_TTL, REFUSED},
	    {IPPROTO_IP, SO_RCVTIMEO, REFUSED},
	    {IPPROTO_IPV6, TCP_NODELAY, REFUSED},
	    {IPPROTO_IPV6, IPV6_V6ONLY, REFUSED},
	    {IPPROTO_TCP, TCP_DEFER_ACCEPT, REFUSED},
	    {IPPROTO_TCP, SO_RCVTIMEO, REFUSED},
	    {IPPROTO_TCP, TCP_REPAIR, REFUSED},
	};

	compile(SECCOMP_WORKER, 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		ck_assert_int_eq(ask(SYS_setsockopt, 7, (uint64_t)all[i].level,
				     (uint64_t)all[i].option),
		    all[i].result);
	for (uint64_t option = 0; option < 100; option++)
		ck_assert_int_eq(ask(SYS_setsockopt, 7, SOL_SOCKET, option),
		    option == SO_RCVTIMEO || option == SO_SNDTIMEO ? ALLOWED
								   : REFUSED);
	compile(SECCOMP_WORKER, SECCOMP_GRANT_CONNECT);
	ck_assert_int_eq(
	    ask(SYS_setsockopt, 7, SOL_SOCKET, SO_KEEPALIVE), ALLOWED);
	ck_assert_int_eq(
	    ask(SYS_setsockopt, 7, IPPROTO_TCP, TCP_CORK), ALLOWED);
}

TEST(the_option_tcp_cork_is_granted_alone)
{
	for (uint64_t option = 0; option < 100; option++) {
		compile(SECCOMP_WORKER, 0);
		ck_assert_int_eq(ask(SYS_setsockopt, 7, IPPROTO_TCP, option),
		    option == TCP_NODELAY ? ALLOWED : REFUSED);
		compile(SECCOMP_WORKER, SECCOMP_GRANT_CORK);
		ck_assert_int_eq(ask(SYS_setsockopt, 7, IPPROTO_TCP, option),
		    option == TCP_NODELAY || option == TCP_CORK ? ALLOWED
								: REFUSED);
	}
	ck_assert_int_eq(
	    ask(SYS_setsockopt, 7, SOL_SOCKET, SO_KEEPALIVE), REFUSED);
	ck_assert_int_eq(
	    ask(SYS_setsockopt, 7, IPPROTO_IPV6, TCP_CORK), REFUSED);
}

TEST(sockets_are_shut_down_as_granted)
{
	compile(SECCOMP_WORKER, 0);
	for (uint64_t how = SHUT_RD; how <= SHUT_RDWR; how++)
		ck_assert_int_eq(ask(SYS_shutdown, 7, how, 0), REFUSED);
	compile(SECCOMP_WORKER, SECCOMP_GRANT_SHUTDOWN);
	ck_assert_int_eq(ask(SYS_shutdown, 7, SHUT_WR, 0), ALLOWED);
	ck_assert_int_eq(ask(SYS_shutdown, 7, SHUT_RDWR, 0), REFUSED);
	compile(SECCOMP_LOT, 0);
	ck_assert_int_eq(ask(SYS_shutdown, 7, SHUT_WR, 0), ALLOWED);
}

static int
ask_flags(int call, size_t argument, uint64_t flags)
{
	struct seccomp_data data = {.nr = call, .arch = ARCH};

	data.args[argument] = flags;
	return run(&data);
}

TEST(a_connection_is_not_made_by_sending)
{
	static const struct {
		int call;
		size_t argument;
	} all[] = {{SYS_sendto, 3}, {SYS_sendmsg, 2}, {SYS_sendmmsg, 3}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int call = all[i].call;
		size_t argument = all[i].argument;

		compile(SECCOMP_WORKER, 0);
		ck_assert_int_eq(
		    ask_flags(call, argument, MSG_NOSIGNAL | MSG_MORE),
		    ALLOWED);
		ck_assert_int_eq(
		    ask_flags(call, argument, MSG_FASTOPEN | MSG_MORE),
		    REFUSED);
		compile(SECCOMP_WORKER, SECCOMP_GRANT_CONNECT);
		ck_assert_int_eq(
		    ask_flags(call, argument, MSG_FASTOPEN), ALLOWED);
	}
}

TEST(what_others_share_stays_as_it_is)
{
	compile(SECCOMP_WORKER, 0);
	ck_assert_int_eq(ask(SYS_fcntl, 5, F_GETFL, 0), ALLOWED);
	ck_assert_int_eq(ask(SYS_fcntl, 5, F_DUPFD_CLOEXEC, 0), ALLOWED);
	ck_assert_int_eq(ask(SYS_fcntl, 5, F_SETFL, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_fcntl, 5, F_SETOWN, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_fcntl, 5, F_SETSIG, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_ioctl, 5, FIOASYNC, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_ioctl, 5, FIONBIO, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_ioctl, 5, FIONREAD, 0), ALLOWED);
	ck_assert_int_eq(ask(SYS_fcntl, 5, F_SETLKW, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_fcntl, 5, F_OFD_SETLK, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_fcntl, 5, F_SETLEASE, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_fcntl, 5, F_SETPIPE_SZ, 0), REFUSED);
	ck_assert_int_eq(plain(SYS_flock), REFUSED);
	ck_assert_int_eq(plain(SYS_pwritev2), REFUSED);
	ck_assert_int_eq(plain(SYS_ftruncate), REFUSED);
	ck_assert_int_eq(plain(SYS_fallocate), REFUSED);
}

TEST(programs_may_have_descriptors_that_do_not_block)
{
	for (unsigned grant = SECCOMP_GRANT_SHUTDOWN;
	     grant <= SECCOMP_GRANT_EXEC; grant <<= 1) {
		bool may = grant == SECCOMP_GRANT_EXEC ||
		    grant == SECCOMP_GRANT_CONNECT;

		compile(SECCOMP_WORKER, grant);
		ck_assert_int_eq(
		    ask(SYS_fcntl, 5, F_SETFL, 0), may ? ALLOWED : REFUSED);
		ck_assert_int_eq(
		    ask(SYS_ioctl, 5, FIONBIO, 0), may ? ALLOWED : REFUSED);
	}
}

TEST(other_processes_are_left_alone)
{
	static const int calls[] = {SYS_prlimit64, SYS_sched_setparam,
	    SYS_sched_setscheduler, SYS_sched_setattr, SYS_sched_setaffinity};

	compile(SECCOMP_WORKER, 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		ck_assert_int_eq(ask(calls[i], 0, 0, 0), ALLOWED);
		ck_assert_int_eq(ask(calls[i], SELF + 1, 0, 0), REFUSED);
	}
	ck_assert_int_eq(ask(SYS_setpriority, 0, 0, 5), ALLOWED);
	ck_assert_int_eq(ask(SYS_setpriority, 0, SELF + 1, 5), REFUSED);
	ck_assert_int_eq(ask(SYS_setpriority, 2, 0, 5), REFUSED);
}

TEST(no_keys_into_a_terminal)
{
	compile(SECCOMP_WORKER, ~0U);
	ck_assert_int_eq(ask(SYS_ioctl, 0, TIOCSTI, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_ioctl, 0, TIOCLINUX, 0), REFUSED);
	ck_assert_int_eq(
	    ask(SYS_ioctl, 0, UINT64_C(1) << 32 | TIOCSTI, 0), REFUSED);
	ck_assert_int_eq(ask(SYS_ioctl, 0, FIONREAD, 0), ALLOWED);
}

TEST(the_lot_opens_nothing_and_makes_no_code)
{
	static const int calls[] = {SYS_openat, SYS_openat2, SYS_getdents64,
	    SYS_socketpair, SYS_clone, SYS_bind, SYS_execve, SYS_memfd_create,
	    SYS_process_vm_readv};

	compile(SECCOMP_LOT, 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		ck_assert_int_eq(plain(calls[i]), REFUSED);
	ck_assert_int_eq(ask(SYS_mmap, 0, 0, PROT_READ | PROT_WRITE), ALLOWED);
	ck_assert_int_eq(ask(SYS_mmap, 0, 0, PROT_READ | PROT_EXEC), REFUSED);
	ck_assert_int_eq(ask(SYS_mprotect, 0, 0, PROT_EXEC), REFUSED);
	ck_assert_int_eq(plain(SYS_sendfile), ALLOWED);
}

/* A grant takes nothing away. */
TEST(more_grants_allow_no_less)
{
	static int before[CALLS_MAX];

	for (unsigned grants = 0; grants < 16; grants++) {
		compile(SECCOMP_WORKER, 0);
		for (int call = 0; call < CALLS_MAX; call++)
			before[call] = plain(call);
		compile(SECCOMP_WORKER, grants);
		for (int call = 0; call < CALLS_MAX; call++)
			assert_quick(
			    before[call] != ALLOWED || plain(call) == ALLOWED);
	}
}

/* As the kernel tries each call whenever a worker starts. */
TEST(any_call_takes_few_steps)
{
	for (int list = SECCOMP_WORKER; list <= SECCOMP_LOT; list++)
		for (unsigned grants = 0; grants < 16; grants++) {
			compile(list, grants);
			for (int call = 0; call < CALLS_MAX; call++) {
				(void)plain(call);
				assert_quick(steps < 80);
			}
		}
}

/* The kernel takes the program, and means by it what we do. */
TEST(the_kernel_agrees)
{
	pid_t child;
	int status;

	if (!seccomp_probe())
		return;
	child = fork();
	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
		    seccomp_confine(SECCOMP_LOT, 0) == -1)
			_exit(1);
		if (socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EPERM)
			_exit(2);
		if (kill(getppid(), 0) != -1 || errno != EPERM)
			_exit(3);
		_exit(kill(getpid(), 0) == 0 ? 0 : 4);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
