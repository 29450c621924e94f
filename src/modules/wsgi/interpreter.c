#include "modules/wsgi/interpreter.h"

#include <sys/stat.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "modules/wsgi/log_stream.h"

/*
 * For this signal, faulthandler has a handler that writes tracebacks: it is the
 * public way to have them written by a signal handler.
 */
#define DUMP_SIGNAL SIGRTMAX
#define VERSION_DIRECTORY                                                      \
	"lib/python" Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(          \
	    PY_MINOR_VERSION)

static pid_t owner; /* the process that it was made fit for */
static bool forked; /* since then */
static bool entered;
static unsigned long server_thread;
static PyThreadState *left; /* between requests */
static int dump_fd = -1;

static void
on_fork(void)
{
	forked = true;
}

/* The program of which Python finds its library beside. */
static int
find_program(const char *home, char program[PATH_MAX], const char **why)
{
	struct stat st;

	if (home == NULL) {
		snprintf(program, PATH_MAX, "%s", WSGI_PYTHON);
		return 0;
	}
	snprintf(program, PATH_MAX, "%s/" VERSION_DIRECTORY, home);
	if (stat(program, &st) == -1) {
		*why = "home= is no virtual environment of Python " Py_STRINGIFY(
		    PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION) ": make one by " WSGI_PYTHON
									 " -m venv";
		return -1;
	}
	snprintf(program, PATH_MAX, "%s/bin/python3", home);
	return 0;
}

/*
 * Extension modules find the functions of libpython among those of the whole
 * process; with this module, they were only loaded for itself.
 */
static void
share_library(void)
{
	Dl_info info;

	if (dladdr((void *)(uintptr_t)Py_IsInitialized, &info) != 0)
		(void)dlopen(
		    info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

/* Python's own handlers of SIGINT and SIGPIPE would replace the server's. */
static int
initialize(const char *program, const char **why)
{
	PyConfig config;
	PyStatus status;

	PyConfig_InitPythonConfig(&config);
	config.install_signal_handlers = 0;
	config.parse_argv = 0;
	status =
	    PyConfig_SetBytesString(&config, &config.program_name, program);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	if (!PyStatus_Exception(status))
		return 0;
	*why = status.err_msg != NULL ? status.err_msg
				      : "Python cannot be initialized";
	return -1;
}

/* Without it, a worker that hangs is only described in C. */
static void
prepare_dump(void)
{
	PyObject *faulthandler = PyImport_ImportModule("faulthandler");
	PyObject *result = NULL;

	dump_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (faulthandler != NULL && dump_fd != -1)
		result = PyObject_CallMethod(
		    faulthandler, "register", "ii", DUMP_SIGNAL, dump_fd);
	Py_XDECREF(result);
	Py_XDECREF(faulthandler);
	PyErr_Clear();
}

int
interpreter_begin(const char *home, const char **why)
{
	char program[PATH_MAX];

	if (owner == getpid()) {
		interpreter_enter();
		return 0;
	}
	if (Py_IsInitialized()) {
		PyOS_AfterFork_Child();
	} else {
		share_library();
		if (find_program(home, program, why) == -1 ||
		    initialize(program, why) == -1)
			return -1;
		pthread_atfork(NULL, NULL, on_fork);
	}
	owner = getpid();
	forked = false;
	entered = true;
	server_thread = PyThread_get_thread_ident();
	log_stream_install();
	prepare_dump();
	return 0;
}

void
interpreter_end(void)
{
	(void)Py_FinalizeEx();
	owner = 0;
}

/*
 * The list of threads is read without its lock: a thread that comes at this
 * moment waits until the next pause.
 */
PyThreadState *
interpreter_pause(void)
{
	PyThreadState *first =
	    PyInterpreterState_ThreadHead(PyInterpreterState_Main());

	if (PyThreadState_Next(first) == NULL)
		return NULL;
	return PyEval_SaveThread();
}

void
interpreter_resume(PyThreadState *paused)
{
	if (paused != NULL)
		PyEval_RestoreThread(paused);
}

void
interpreter_leave(void)
{
	entered = false;
	left = interpreter_pause();
}

void
interpreter_enter(void)
{
	interpreter_resume(left);
	left = NULL;
	entered = true;
}

bool
interpreter_is_entered(void)
{
	return entered && !forked &&
	    PyThread_get_thread_ident() == server_thread;
}

void
interpreter_end_fork(void)
{
	if (!forked)
		return;
	if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_SystemExit))
		log_stream_exception(NULL, "a process that was forked failed");
	log_stream_end();
	_exit(EXIT_SUCCESS);
}

void
interpreter_dump(int fd)
{
	sigset_t set;

	if (dump_fd == -1 || dup3(fd, dump_fd, O_CLOEXEC) == -1)
		return;
	sigemptyset(&set);
	sigaddset(&set, DUMP_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(DUMP_SIGNAL);
}
