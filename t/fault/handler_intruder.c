/*
 * intrude:DIR is a worker that was taken over: it tries what an intruder would
 * try, and answers with a line for each, "read /etc/passwd: EACCES", or "done".
 * DIR is the folder that is served; beside it lies a file "secret".  The path
 * behind the mount is the number of a TCP port that somebody listens at.
 */
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "fault.h"

#define DESCRIPTORS 256

struct intruder {
	char *served;
	char *secret;
	char *fresh;
	char *file;
	in_port_t port;
};

/* 0, or -1 with errno: each attempt does so. */
static int
closed(int fd)
{
	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

static int
read_file(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int result = fd == -1 ? -1 : (int)read(fd, &byte, 1);

	if (fd != -1)
		close(fd);
	return result == -1 ? -1 : 0;
}

static int
read_passwd(const struct intruder *i)
{
	(void)i;
	return read_file("/etc/passwd");
}

static int
read_shadow(const struct intruder *i)
{
	(void)i;
	return read_file("/etc/shadow");
}

static int
read_environ(const struct intruder *i)
{
	(void)i;
	return read_file("/proc/1/environ");
}

static int
read_maps(const struct intruder *i)
{
	(void)i;
	return read_file("/proc/self/maps");
}

static int
read_beside(const struct intruder *i)
{
	return read_file(i->secret);
}

static int
read_served(const struct intruder *i)
{
	return read_file(i->file);
}

/* By whatever folder is open: the mounts are. */
static int
climb(const struct intruder *i)
{
	int error = EBADF, found = -1;

	(void)i;
	for (int fd = 0; fd < DESCRIPTORS && found == -1; fd++) {
		found = openat(fd, "../secret", O_RDONLY | O_CLOEXEC);
		if (found == -1 && errno != EBADF && errno != ENOTDIR)
			error = errno;
	}
	errno = error;
	return closed(found);
}

static int
list_root(const struct intruder *i)
{
	(void)i;
	return closed(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
make_file(const struct intruder *i)
{
	return closed(
	    open(i->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
}

static int
make_elsewhere(const struct intruder *i)
{
	static const char path[] = "/var/tmp/tined-intruder";
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)i;
	if (fd != -1)
		unlink(path);
	return closed(fd);
}

static int
change_file(const struct intruder *i)
{
	return closed(open(i->file, O_WRONLY | O_CLOEXEC));
}

static int
remove_file(const struct intruder *i)
{
	return unlink(i->file);
}

static int
change_mode(const struct intruder *i)
{
	return chmod(i->file, 0644);
}

static int
start_process(const struct intruder *i)
{
	pid_t pid = fork();

	(void)i;
	if (pid == 0)
		_exit(0);
	return pid == -1 ? -1 : (waitpid(pid, NULL, 0) == -1 ? -1 : 0);
}

/* In a process of its own, if it gets one; else this one would be it. */
static int
run_shell(const struct intruder *i)
{
	static char name[] = "sh", flag[] = "-c", script[] = "exit 7";
	static char *const arguments[] = {name, flag, script, NULL};
	pid_t pid = fork();
	int status = 0;

	(void)i;
	if (pid > 0) {
		waitpid(pid, &status, 0);
		errno = EACCES;
		return WEXITSTATUS(status) == 7 ? 0 : -1;
	}
	execve("/bin/sh", arguments, NULL);
	if (pid == 0)
		_exit(1);
	return -1;
}

static void *
be_a_thread(void *argument)
{
	return argument;
}

static int
start_thread(const struct intruder *i)
{
	pthread_t thread;
	int error;

	(void)i;
	error = pthread_create(&thread, NULL, be_a_thread, NULL);
	if (error == 0)
		return pthread_join(thread, NULL);
	errno = error;
	return -1;
}

/* As the kernel's own calls: the library's would move all threads. */
static int
be_root(const struct intruder *i)
{
	(void)i;
	return (int)syscall(SYS_setresuid, -1, 0, -1);
}

static int
be_roots_group(const struct intruder *i)
{
	(void)i;
	return (int)syscall(SYS_setresgid, -1, 0, -1);
}

static int
make_namespace(const struct intruder *i)
{
	(void)i;
	return unshare(CLONE_NEWNET);
}

static int
make_user_namespace(const struct intruder *i)
{
	(void)i;
	return unshare(CLONE_NEWUSER);
}

static int
change_root(const struct intruder *i)
{
	return chroot(i->served);
}

static int
trace_master(const struct intruder *i)
{
	pid_t master = getppid();

	(void)i;
	if (ptrace(PTRACE_SEIZE, master, NULL, NULL) == -1)
		return -1;
	ptrace(PTRACE_INTERRUPT, master, NULL, NULL);
	waitpid(master, NULL, __WALL);
	ptrace(PTRACE_DETACH, master, NULL, NULL);
	return 0;
}

static int
signal_master(const struct intruder *i)
{
	(void)i;
	return kill(getppid(), 0);
}

static int
signal_init(const struct intruder *i)
{
	(void)i;
	return kill(1, 0);
}

static int
signal_itself(const struct intruder *i)
{
	(void)i;
	return raise(0);
}

static int
bind_port(const struct intruder *i)
{
	const struct sockaddr_in a = {
	    .sin_family = AF_INET,
	    .sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	(void)i;
	if (fd == -1)
		return -1;
	result = bind(fd, (const struct sockaddr *)&a, sizeof(a));
	close(fd);
	return result;
}

static int
connect_out(const struct intruder *i)
{
	const struct sockaddr_in a = {
	    .sin_family = AF_INET,
	    .sin_port = i->port,
	    .sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	if (fd == -1)
		return -1;
	result = connect(fd, (const struct sockaddr *)&a, sizeof(a));
	close(fd);
	return result;
}

static int
send_datagrams(const struct intruder *i)
{
	(void)i;
	return closed(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int
ask_services(const struct intruder *i)
{
	(void)i;
	return closed(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
mount_something(const struct intruder *i)
{
	if (mount("none", i->served, "tmpfs", 0, NULL) == -1)
		return -1;
	return umount2(i->served, MNT_DETACH);
}

static int
use_bpf(const struct intruder *i)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};

	(void)i;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	return closed(
	    (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int
use_io_uring(const struct intruder *i)
{
	char parameters[128] = {0};

	(void)i;
	return closed((int)syscall(SYS_io_uring_setup, 1, parameters));
}

static int
dump_core(const struct intruder *i)
{
	(void)i;
	return closed(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

static bool
is_listener(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 &&
	    value != 0;
}

static bool
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* What it may write to, and all other processes too. */
static bool
is_log(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

/* The first descriptor that is such a one, or one that is none. */
static int
find(bool (*is)(int fd))
{
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		if (is(fd))
			return fd;
	return DESCRIPTORS;
}

/* In a way that the kernel takes for a mistake, so that others can be tried. */
static int
shut_listener_down(const struct intruder *i)
{
	(void)i;
	return shutdown(find(is_listener), 99);
}

static int
connect_by_sending(const struct intruder *i)
{
	const struct sockaddr_in a = {
	    .sin_family = AF_INET,
	    .sin_port = i->port,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return sendto(find(is_listener), "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
		   (const struct sockaddr *)&a, sizeof(a)) == -1
	    ? -1
	    : 0;
}

/* Else a read of the master would wait for ever. */
static int
make_shared_block(const struct intruder *i)
{
	int fd = find(is_socket);

	(void)i;
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL));
}

/* To any interface, as it is: another would stop the server. */
static int
bind_listener(const struct intruder *i)
{
	const int any = 0;

	(void)i;
	return setsockopt(
	    find(is_listener), SOL_SOCKET, SO_BINDTOIFINDEX, &any, sizeof(any));
}

/* Not to block, as it is: else the lot would wait in accept. */
static int
make_listener_block(const struct intruder *i)
{
	int on = 1;

	(void)i;
	return ioctl(find(is_listener), FIONBIO, &on);
}

/* Descriptors that nobody receives count for all processes of its user. */
static int
make_pair(const struct intruder *i)
{
	int ends[2];

	(void)i;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	close(ends[0]);
	return closed(ends[1]);
}

static int
lock_log(const struct intruder *i)
{
	(void)i;
	return flock(find(is_log), LOCK_UN);
}

static int
choose_signal(const struct intruder *i)
{
	(void)i;
	return fcntl(find(is_socket), F_SETSIG, 0);
}

static int
cut_log(const struct intruder *i)
{
	int fd = find(is_log);
	struct stat st = {0};

	(void)i;
	fstat(fd, &st);
	return ftruncate(fd, st.st_size);
}

static int
limit_master(const struct intruder *i)
{
	struct rlimit limit;

	(void)i;
	return (int)syscall(
	    SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &limit);
}

static int
slow_master_down(const struct intruder *i)
{
	(void)i;
	return setpriority(PRIO_PROCESS, (id_t)getppid(),
	    getpriority(PRIO_PROCESS, (id_t)getppid()));
}

static const struct {
	const char *what;
	int (*attempt)(const struct intruder *);
} attempts[] = {
    {"may read what is served", read_served},
    {"may start a thread", start_thread},
    {"may signal itself", signal_itself},
    {"read /etc/passwd", read_passwd},
    {"read /etc/shadow", read_shadow},
    {"read /proc/1/environ", read_environ},
    {"read /proc/self/maps", read_maps},
    {"write /proc/self/mem", dump_core},
    {"read beside what is served", read_beside},
    {"climb out by a descriptor", climb},
    {"list /", list_root},
    {"make a file", make_file},
    {"make a file elsewhere", make_elsewhere},
    {"change a file", change_file},
    {"change its mode", change_mode},
    {"remove a file", remove_file},
    {"start a process", start_process},
    {"run a shell", run_shell},
    {"trace the master", trace_master},
    {"signal the master", signal_master},
    {"signal init", signal_init},
    {"bind a port", bind_port},
    {"connect out", connect_out},
    {"send datagrams", send_datagrams},
    {"ask local services", ask_services},
    {"use bpf", use_bpf},
    {"use io_uring", use_io_uring},
    {"shut a listener down", shut_listener_down},
    {"connect by sending", connect_by_sending},
    {"make a shared socket block", make_shared_block},
    {"bind a listener elsewhere", bind_listener},
    {"make a listener block", make_listener_block},
    {"make a pair of sockets", make_pair},
    {"lock a log", lock_log},
    {"choose a signal", choose_signal},
    {"cut a log", cut_log},
    {"limit the master", limit_master},
    {"slow the master down", slow_master_down},
    /* Where they are not refused, what comes behind them is elsewhere. */
    {"mount", mount_something},
    {"be root", be_root},
    {"be of root's group", be_roots_group},
    {"make a namespace", make_namespace},
    {"make a user namespace", make_user_namespace},
    {"change the root folder", change_root},
};

static int
intruder_mount(struct tined_mount *m, void **state)
{
	const char *served = builtin_argument(m);
	struct intruder *i = memory_get_array(1, sizeof(*i));

	i->served = memory_copy_string(served);
	i->secret = memory_printf("%s/../secret", served);
	i->fresh = memory_printf("%s/fresh", served);
	i->file = memory_printf("%s/a.txt", served);
	*state = i;
	return 0;
}

static void
intruder_unmount(void *state)
{
	struct intruder *i = state;

	free(i->served);
	free(i->secret);
	free(i->fresh);
	free(i->file);
	free(i);
}

static void
intruder_serve(void *state, struct tined_exchange *x)
{
	struct intruder *i = state;
	struct text rest = text_from(tined_path_below(x));
	struct buffer *text = builtin_buffer(x);
	size_t offset = text->len;
	uint64_t port = 0;

	if (rest.len > 1)
		(void)text_to_number((struct text){rest.at + 1, rest.len - 1},
		    UINT16_MAX, &port);
	i->port = htons((uint16_t)port);
	for (size_t k = 0; k < sizeof(attempts) / sizeof(attempts[0]); k++) {
		int result = attempts[k].attempt(i);

		buffer_printf(text, "%s: %s\n", attempts[k].what,
		    result == 0 ? "done" : strerrorname_np(errno));
	}
	tined_add_field(
	    x, TINED_TEXT("Content-Type"), TINED_TEXT("text/plain"));
	builtin_add_buffer(x, offset);
}

const struct tined_module handler_intruder = {
    TINED_MODULE_VERSION,
    .name = "intrude",
    .mount = intruder_mount,
    .unmount = intruder_unmount,
    .serve = intruder_serve,
};
