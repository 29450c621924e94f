#include <linux/ioprio.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <sched.h>

#include "sandbox/seccomp_grant.h"
#include "sandbox/seccomp_rules.h"

/* Bits that no level of TCP's or sockets' own options has. */
#define SOCKET_LEVELS (~7U)

_Static_assert(SO_SNDTIMEO == (SO_RCVTIMEO | 1) && SO_RCVTIMEO % 2 == 0,
    "one comparison is for both timeouts");
_Static_assert(TCP_NODELAY == 1 && TCP_CORK == 3, "and one for these two");

#define NEW_SPACES                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

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

const struct seccomp_rule seccomp_worker_rules[] = {
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

const struct seccomp_rule seccomp_lot_rules[] = {
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

const size_t seccomp_worker_count = COUNT(seccomp_worker_rules);
const size_t seccomp_lot_count = COUNT(seccomp_lot_rules);

_Static_assert(COUNT(seccomp_worker_rules) <= SECCOMP_RULES_MAX &&
	COUNT(seccomp_lot_rules) <= SECCOMP_RULES_MAX,
    "a selection of a list must have room for all of it");
