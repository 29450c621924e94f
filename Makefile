# tined: build, check, install.  `make help` lists what there is to do.
#
# Nothing needs to be configured.  ./configure, if it was run, has left its
# findings in config.mk; variables on make's command line win over both.

-include config.mk

VERSION := $(shell sed -n 's/^AC_INIT.*, \[\([0-9.]*\)\].*/\1/p' configure.ac)

prefix      ?= /usr/local
exec_prefix ?= $(prefix)
bindir      ?= $(exec_prefix)/bin
sbindir     ?= $(exec_prefix)/sbin
datarootdir ?= $(prefix)/share
mandir      ?= $(datarootdir)/man
docdir      ?= $(datarootdir)/doc/tined
includedir  ?= $(prefix)/include
pkgconfigdir ?= $(datarootdir)/pkgconfig
# The program looks for modules there, from its own directory: ../lib/tined.
moduledir   := $(exec_prefix)/lib/tined
# Nobody reads init scripts and defaults in /usr/etc or /usr/local/etc.
sysconfdir  ?= $(if $(filter /usr /usr/local,$(prefix)),/etc,$(prefix)/etc)
# Whatever the prefix is: systemd keeps logs and sockets there.
localstatedir ?= /var
runstatedir ?= /run
unitdir     ?= $(prefix)/lib/systemd/system

INSTALL    ?= install
PKG_CONFIG ?= pkg-config
PROVE      ?= prove
JOBS       ?= 2
SECONDS    ?= 60

BUILD  ?= build
CFLAGS ?= -O2 -g
WERROR ?= 1

ifndef BSD_LIBS
BSD_CFLAGS := $(shell $(PKG_CONFIG) --cflags libbsd-overlay 2>/dev/null)
BSD_LIBS   := $(shell $(PKG_CONFIG) --libs libbsd-overlay 2>/dev/null)
endif
HTTP_PARSER_LIBS ?= -lhttp_parser
ifndef CHECK_LIBS
CHECK_CFLAGS := $(shell $(PKG_CONFIG) --cflags check 2>/dev/null)
CHECK_LIBS   := $(shell $(PKG_CONFIG) --libs check 2>/dev/null)
endif

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings \
	-Wformat=2 -Wundef -Wvla $(if $(filter-out 0,$(WERROR)),-Werror)

# _FORTIFY_SOURCE is an error without optimization.
HARDENING ?= -fstack-protector-strong -fPIE \
	$(if $(filter-out -O0,$(filter -O%,$(CFLAGS))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDENING_LDFLAGS ?= -pie -Wl,-z,relro,-z,now

tined_CPPFLAGS := -D_GNU_SOURCE -DTINED_VERSION='"$(VERSION)"' -Isrc $(BSD_CFLAGS)
# The folder that it was built in is no part of the program.
tined_CFLAGS    = -std=c17 $(WARNINGS) $(HARDENING) '-ffile-prefix-map=$(CURDIR)=.'
tined_LIBS     := $(HTTP_PARSER_LIBS) $(BSD_LIBS)

# V=1 shows whole command lines.
ifneq ($(V),1)
CC_SAYS = @echo '  CC   $@'; 
LD_SAYS = @echo '  LINK $@'; 
endif

COMPILE = $(CC) $(tined_CPPFLAGS) $(CPPFLAGS) $(tined_CFLAGS) $(CFLAGS)
# Modules call the functions of tined.h.  Nothing else is exported: it would take
# the place of the same names in the libraries of modules.
EXPORTS = -Wl,--dynamic-list=src/tined.exports
LINK    = $(CC) $(EXPORTS) $(tined_CFLAGS) $(CFLAGS) $(HARDENING_LDFLAGS) $(LDFLAGS)
AUTODEP = -MMD -MP

MODULES := $(sort $(wildcard src/modules/*.c))
# The module wsgi embeds CPython: it is built where that can be, and its tests
# are skipped elsewhere.
PYTHON_VERSION := $(shell $(PKG_CONFIG) --modversion python3-embed 2>/dev/null)
ifneq ($(PYTHON_VERSION),)
PYTHON_CFLAGS := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags python3-embed))
PYTHON_LIBS   := $(shell $(PKG_CONFIG) --libs python3-embed)
PYTHON        := $(shell $(PKG_CONFIG) --variable=exec_prefix python3-embed)/bin/python$(PYTHON_VERSION)
WSGI_SOURCES  := $(sort $(wildcard src/modules/wsgi/*.c))
WSGI_HEADERS  := $(sort $(wildcard src/modules/wsgi/*.h))
WSGI          := $(BUILD)/modules/wsgi.so
endif
SOURCES := $(filter-out src/modules/%,$(sort $(wildcard src/*.c src/*/*.c src/*/*/*.c)))
HEADERS := $(filter-out src/modules/%,$(sort $(wildcard src/*.h src/*/*.h src/*/*/*.h)))
# What an idle worker has run lies together in the program: it has fewer pages of
# it then.  First what it passes through when it starts.
FIRST   := $(patsubst %,src/%.c,master/children master/child_table \
	master/successor master/takeover cli/startup cli/daemon \
	handlers/site handlers/mount handlers/upstream handlers/response_cache) \
	$(foreach folder,process process/worker shared net os base sandbox \
	config connection http,$(sort $(wildcard src/$(folder)/*.c)))
OBJECTS := $(patsubst src/%.c,$(BUILD)/obj/%.o,$(FIRST) $(filter-out $(FIRST),$(SOURCES)))
LIBRARY := $(BUILD)/libtined.a
PROGRAMS := $(BUILD)/tined $(MODULES:src/modules/%.c=$(BUILD)/modules/%.so) $(WSGI)

# A unit test is t/unit/check_*.c; the other files there are shared by all.
UNIT_OBJECTS := $(patsubst t/unit/%.c,$(BUILD)/unit/%.o,$(wildcard t/unit/*.c))
UNIT_COMMON  := $(filter-out $(BUILD)/unit/check_%,$(UNIT_OBJECTS))
UNIT_TESTS   := $(patsubst %.o,%,$(filter $(BUILD)/unit/check_%,$(UNIT_OBJECTS)))
FAULTY       := $(BUILD)/t/faulty/tined
# A slow file system, where there is what it is built with; its tests skip else.
SLOWFS       := $(shell $(PKG_CONFIG) --exists fuse3 2>/dev/null && echo $(BUILD)/t/slowfs)
FAULTS       := $(patsubst t/fault/%.c,$(BUILD)/t/fault/%.o,$(wildcard t/fault/*.c)) $(BUILD)/t/module/faults.o
# What LeakSanitizer searches, where the target sanitize builds.
LEAK_ROOTS   := $(if $(findstring address,$(filter -fsanitize=%,$(CFLAGS))),$(BUILD)/t/sanitize/leak_roots.o)
BENCHES      := $(patsubst t/bench/%.c,$(BUILD)/bench/%,$(wildcard t/bench/*.c))
# The wire and the load of the laboratory, and a module that streams.
LAB          := $(BUILD)/lab/wire $(BUILD)/lab/load $(BUILD)/lab/events.so
TESTS        ?= $(sort $(wildcard t/*.t))

SCRIPTS := $(shell grep -lsE '^\#! ?/bin/sh' scripts/* scripts/*/* t/bench/* t/fuzz/* t/sanitize/* .ci/*)
# A test that perl does not take fails by itself.
PERL    := $(sort $(wildcard t/lib/*.pm t/lib/*/*.pm)) \
	$(wildcard t/lab/*.pl) \
	$(shell grep -lsE '^\#! ?/usr/bin/(env )?perl' scripts/* t/bench/* t/fuzz/* t/lab/*)
C_FILES := $(SOURCES) $(MODULES) $(HEADERS) $(sort $(wildcard src/modules/*/*.[ch])) $(sort $(wildcard t/*/*.[ch]))

all: $(PROGRAMS)		## build build/tined and build/modules (the default)

# All objects: what modules alone call is in the program as well.
$(BUILD)/tined: $(OBJECTS) $(LEAK_ROOTS) src/tined.exports $(BUILD)/sources
	$(LD_SAYS)$(LINK) -o $@ $(OBJECTS) $(LEAK_ROOTS) $(tined_LIBS) $(LIBS)

$(LIBRARY): $(filter-out %/main.o,$(OBJECTS)) $(BUILD)/sources
	@rm -f $@
	$(LD_SAYS)$(AR) qcs $@ $(filter %.o,$^)

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags | $(BUILD)/found
	@mkdir -p $(@D)
	$(CC_SAYS)$(COMPILE) $(AUTODEP) -c -o $@ $<

$(BUILD)/unit/%.o: t/unit/%.c $(BUILD)/flags | $(BUILD)/found $(BUILD)/found-check
	@mkdir -p $(@D)
	$(CC_SAYS)$(COMPILE) $(CHECK_CFLAGS) $(AUTODEP) -c -o $@ $<

$(UNIT_TESTS): %: %.o $(UNIT_COMMON) $(LEAK_ROOTS) $(LIBRARY)
	$(LD_SAYS)$(LINK) -o $@ $^ $(tined_LIBS) $(LIBS) $(CHECK_LIBS)

# The program with a mount that goes wrong, for the tests; never installed.
faulty: $(FAULTY) $(SLOWFS) $(LAB)

$(FAULTY): $(filter-out %/handlers.o,$(OBJECTS)) $(FAULTS) $(LEAK_ROOTS) src/tined.exports $(BUILD)/sources
	@mkdir -p $(@D)
	$(LD_SAYS)$(LINK) -o $@ $(filter %.o,$^) $(tined_LIBS) $(LIBS)

# A module sees the one header that is installed.  MODULE_CFLAGS_x and
# MODULE_LIBS_x are for src/modules/x.c.
MODULE = $(CC) -shared -fPIC -fvisibility=hidden -std=gnu17 $(filter-out -fPIE -std=c17,$(tined_CFLAGS)) \
	$(CPPFLAGS) $(CFLAGS) -I$(BUILD)/include

$(BUILD)/modules/%.so: src/modules/%.c $(BUILD)/include/tined.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(LD_SAYS)$(MODULE) $(MODULE_CFLAGS_$*) $(filter-out -pie,$(HARDENING_LDFLAGS)) $(LDFLAGS) -o $@ $< $(MODULE_LIBS_$*)

$(BUILD)/include/tined.h: src/tined.h
	@mkdir -p $(@D)
	@cp $< $@

# Its files see each other, and that header.
WSGI_CFLAGS = -DWSGI_PYTHON='"$(PYTHON)"' $(PYTHON_CFLAGS)

$(BUILD)/include/modules:
	@mkdir -p $(@D)
	@ln -sfnr src/modules $@

$(BUILD)/modules/wsgi/%.o: src/modules/wsgi/%.c $(BUILD)/include/tined.h $(BUILD)/flags | $(BUILD)/include/modules
	@mkdir -p $(@D)
	$(CC_SAYS)$(filter-out -shared,$(MODULE)) $(WSGI_CFLAGS) $(AUTODEP) -c -o $@ $<

# It stays in the process when it is unmounted: Python may call it.
$(WSGI): $(WSGI_SOURCES:src/%.c=$(BUILD)/%.o)
	$(LD_SAYS)$(MODULE) $(filter-out -pie,$(HARDENING_LDFLAGS)) -Wl,-z,nodelete $(LDFLAGS) -o $@ $^ $(PYTHON_LIBS)

# What is wrong there is wrong on purpose.
$(FAULTS): $(BUILD)/%.o: %.c $(BUILD)/flags | $(BUILD)/found
	@mkdir -p $(@D)
	$(CC_SAYS)$(COMPILE) -fno-sanitize=all $(AUTODEP) -c -o $@ $<

$(LEAK_ROOTS): $(BUILD)/%.o: %.c $(BUILD)/flags | $(BUILD)/found
	@mkdir -p $(@D)
	$(CC_SAYS)$(COMPILE) $(AUTODEP) -c -o $@ $<

# Not sanitized: libfuse3 does not free what it has of a folder that is still open
# when the file system ends, and that would be reported as a leak.
$(BUILD)/t/slowfs: t/slowfs/slowfs.c $(BUILD)/flags | $(BUILD)/found
	@mkdir -p $(@D)
	$(CC_SAYS)$(COMPILE) -fno-sanitize=all $$($(PKG_CONFIG) --cflags fuse3) $(HARDENING_LDFLAGS) $(LDFLAGS) -o $@ $< $$($(PKG_CONFIG) --libs fuse3) $(BSD_LIBS)

$(BUILD)/bench/%: t/bench/%.c $(LIBRARY) $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC_SAYS)$(COMPILE) $(HARDENING_LDFLAGS) $(LDFLAGS) $(AUTODEP) -o $@ $< $(LIBRARY) $(tined_LIBS) $(LIBS)

$(BUILD)/lab/wire $(BUILD)/lab/load: $(BUILD)/lab/%: t/lab/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC_SAYS)$(COMPILE) $(HARDENING_LDFLAGS) $(LDFLAGS) -o $@ $< $(BSD_LIBS)

$(BUILD)/lab/%.so: t/lab/%.c $(BUILD)/include/tined.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(LD_SAYS)$(MODULE) $(filter-out -pie,$(HARDENING_LDFLAGS)) $(LDFLAGS) -o $@ $<

# These change when the flags do, or the list of sources, and with them all
# that depends on it.  A copy of the whole folder need not be built again.
$(BUILD)/flags: export NOW = $(subst $(CURDIR),.,$(COMPILE) : $(LINK) : $(tined_LIBS) $(LIBS))
$(BUILD)/sources: export NOW = $(OBJECTS)
$(BUILD)/flags $(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$NOW" | cmp -s - $@ || printf '%s\n' "$$NOW" >$@

# What tined links with is tried once, so that what is missing is named.
try = printf '%s\n' $(1) | $(COMPILE) -w -x c -o $@.out - $(HARDENING_LDFLAGS) $(LDFLAGS) $(2) 2>$@.log
missing = { echo "tined: $(1); on Debian: apt-get install $(2)" >&2; exit 1; }

$(BUILD)/found: $(BUILD)/flags
	@$(call try,'int main(void) { return 0; }') || \
		$(call missing,the C compiler '$(CC)' does not work (see $@.log),gcc libc6-dev)
	@test -n '$(BSD_LIBS)' || command -v $(PKG_CONFIG) >/dev/null || \
		$(call missing,$(PKG_CONFIG) is missing,pkg-config)
	@$(call try,'#include <unistd.h>' 'int main(void) { setproctitle("tined"); }',$(BSD_LIBS)) || \
		$(call missing,libbsd is missing (see $@.log),libbsd-dev)
	@$(call try,'#include <http_parser.h>' 'int main(void) { return http_parser_version() == 0; }',$(HTTP_PARSER_LIBS)) || \
		$(call missing,http-parser is missing (see $@.log),libhttp-parser-dev)
	@rm -f $@.out $@.log; touch $@

$(BUILD)/found-check: $(BUILD)/found
	@test -n '$(CHECK_LIBS)' || $(call missing,check is missing; the unit tests need it,check)
	@touch $@

-include $(WSGI_SOURCES:src/%.c=$(BUILD)/%.d)
-include $(OBJECTS:.o=.d) $(UNIT_OBJECTS:.o=.d) $(FAULTS:.o=.d) $(BENCHES:=.d)

## Checks:

# Who takes longest begins first, in this order, or the last of all would be waited
# for alone.
FIRST_TESTS := t/9700% t/0870% t/0850% t/0460% t/0310% t/0842% t/0730% t/0855% t/0880% t/0710% t/9020% t/9610% t/1001% \
	t/0896% t/0210% t/0237% t/0715% t/0736% t/0840% t/1010-cgi% t/0950% t/0916% t/0120% t/0465% t/0440%
first  = $(foreach pattern,$(FIRST_TESTS),$(filter $(pattern),$(1))) $(filter-out $(FIRST_TESTS),$(1))

# prove without a test would run whatever it finds.
tests = $(if $(strip $(1)),@command -v $(firstword $(PROVE)) >/dev/null || \
	$(call missing,$(firstword $(PROVE)) is missing,perl); \
	TINED='$(abspath $(BUILD))/tined' BUILD='$(abspath $(BUILD))' $(PROVE) -f -j$(JOBS) -It/lib $(call first,$(1)))

# The tests are last to run, so that their summary is the last to be read.
check: check-layers check-headers check-style $(PROGRAMS) $(FAULTY) $(SLOWFS) $(LAB) $(UNIT_TESTS)	## layers, headers, style, and all tests
	$(call tests,$(UNIT_TESTS) $(TESTS))

test: $(PROGRAMS) $(FAULTY) $(SLOWFS) $(LAB) $(UNIT_TESTS)	## the unit and the end-to-end tests
	$(call tests,$(UNIT_TESTS) $(TESTS))

# What takes long, or measures, is left to the others: these wait for deadlines, or
# need more than three seconds of a core.
LONG := t/0120% t/0210% t/0235% t/0237% t/024% t/0250% t/0415% t/0440% t/046%
check-quick: $(PROGRAMS) $(FAULTY) $(UNIT_TESTS)	## in a minute: the unit tests, and most of t/0[1-6]*.t
	$(call tests,$(UNIT_TESTS) $(filter-out $(LONG),$(sort $(wildcard t/0[1-6]*.t))))

check-unit: $(UNIT_TESTS)		## the unit tests: t/unit
	$(call tests,$(UNIT_TESTS))

check-e2e: $(PROGRAMS) $(FAULTY) $(SLOWFS) $(LAB)		## the end-to-end tests: t/*.t (some: TESTS='t/0100-x.t')
	$(call tests,$(TESTS))

# What modules and applications do by themselves is the same in each model, and
# for each user; t/0460*, of their interface, is tried in all, and the sandbox of
# programs (t/1002*) as another user, too.
APPLICATIONS := t/0465% t/095% t/10%
SANDBOX := t/1002%

# t/00* are of the command line; t/0310* is of the fuzz targets, which are built in
# one way only; t/07* are about the lot; t/931* compares other servers with the
# table of t/0300*; t/933*, t/95* and t/98* measure, t/96* are of those who read the
# status, t/97* of services.
check-classic: export TINED_ARGS = --no-lot
check-classic: $(PROGRAMS) $(FAULTY) $(SLOWFS) $(LAB)		## the end-to-end tests with --no-lot
	$(call tests,$(filter-out t/00% t/0310% t/07% t/931% t/933% t/95% t/96% t/97% t/98% $(APPLICATIONS),$(TESTS)))

# What root may do hides what others may not; t/0310* as above; what requests and
# logs mean (t/0300*, t/041*, t/0520*) is the same for all; t/9* measure, or are of
# services.  Descriptors that are on their way between processes count for the
# user, in all tests together (unix(7), ETOOMANYREFS): t/0736*, which limits them,
# runs alone.
ALONE := t/0736%
check-user: $(PROGRAMS) $(FAULTY) $(SLOWFS) $(LAB)
	$(call tests,$(filter-out t/0300% t/0310% t/041% t/0520% t/9% $(APPLICATIONS) $(ALONE),$(TESTS)) $(filter $(SANDBOX),$(TESTS)))
	$(call tests,$(filter $(ALONE),$(TESTS)))

check-layers:				## includes point downward: src/layers.txt; names are unique
	scripts/check-layers
	scripts/check-names

check-headers: $(BUILD)/found		## each header compiles alone
	JOBS=$(JOBS) CPPFLAGS="$$(printf '%s ' $(BSD_CFLAGS) $(PYTHON_CFLAGS) $(CPPFLAGS))" scripts/check-headers $(HEADERS) $(WSGI_HEADERS)

# A machine without clang-format can still run the other checks.
check-style:
	@if command -v clang-format >/dev/null; then $(MAKE) --no-print-directory style; \
	else echo '*** clang-format is missing: style was NOT checked' >&2; fi

style:					## the format of the C files: .clang-format
	clang-format --dry-run -Werror $(C_FILES)

format:					## put the C files into that format
	clang-format -i $(C_FILES)

lint: lint-c lint-man lint-scripts	## cppcheck, clang-tidy, mandoc, shellcheck, perl -c

# Steps that clang's analyzer takes in a function: as many as it does by itself.
LINT_NODES ?= 225000

lint-c: $(BUILD)/found $(BUILD)/include/tined.h $(BUILD)/include/modules
	cppcheck --quiet -j $(JOBS) --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --error-exitcode=1 -D_GNU_SOURCE -DTINED_VERSION='"$(VERSION)"' \
		-Isrc $(SOURCES)
	cppcheck --quiet -j $(JOBS) --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --error-exitcode=1 -D_GNU_SOURCE -DWSGI_PYTHON='""' \
		'-DPy_STRINGIFY(x)=""' '-DPy_RETURN_NONE=return 0' -I$(BUILD)/include $(MODULES) $(WSGI_SOURCES)
	printf '%s\n' $(SOURCES) $(MODULES) $(WSGI_SOURCES) | xargs -P $(JOBS) -n 2 sh -c 'clang-tidy --quiet "$$@" -- $$FLAGS -Xclang -analyzer-config -Xclang max-nodes=$(LINT_NODES) 2>/dev/null' clang-tidy

lint-c: export FLAGS = -std=c17 -D_GNU_SOURCE -DTINED_VERSION="$(VERSION)" -Isrc $(BSD_CFLAGS) \
	-DWSGI_PYTHON="" $(PYTHON_CFLAGS)

lint-man:
	mandoc -T lint -W warning man/*.[0-9]

lint-scripts:
	shellcheck $(SCRIPTS)
	@printf '%s\n' $(PERL) | xargs -P $(JOBS) -n 1 perl -It/lib -c

SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

# Reports go to files, because a daemon's standard error goes nowhere.
REPORT := $(abspath $(BUILD))/sanitize/report

# Those that measure (t/9*), or keep time closely, would measure the sanitizers;
# the fuzz targets (t/0310*) have sanitizers of their own.  t/0950 and t/0951 are
# all of the C of the module wsgi; t/0952 to t/0958 are of what Python does, which
# takes half as long as all other tests together there.
SANITIZED_TESTS := $(filter-out t/9% t/0310% t/0700% t/0710% t/0952% t/0953% t/0954% t/0956% t/0958%,$(TESTS))

sanitize: export TINED_SLOW ?= 3
sanitize: export ASAN_OPTIONS := log_path=$(REPORT):$(ASAN_OPTIONS)
sanitize: export UBSAN_OPTIONS := log_path=$(REPORT):print_stacktrace=1:$(UBSAN_OPTIONS)
sanitize:				## the tests under ASan and UBSan
	@rm -f $(REPORT).*
	+@status=0; \
	$(MAKE) --no-print-directory BUILD='$(BUILD)/sanitize' CFLAGS='$(SANITIZE)' HARDENING=-fPIE \
		TESTS='$(SANITIZED_TESTS)' PROVE='$(PROVE) --exec t/sanitize/run' test || status=1; \
	! cat $(REPORT).* 2>/dev/null && exit $$status

BENCH := TINED='$(abspath $(BUILD))/tined' BUILD='$(abspath $(BUILD))' t/bench

bench: $(BUILD)/tined $(BENCHES)		## measure, beside other servers
	$(BENCH)/run --output $(BUILD)/bench/table

bench-quick: $(BUILD)/tined $(BENCHES)		## the same in two minutes
	$(BENCH)/run --quick --output $(BUILD)/bench/quick table log

bench-new: $(BUILD)/tined $(BENCHES)		## how long new clients wait beside others (OLD=)
	$(BENCH)/run $(OLD:%=--old '%') --output $(BUILD)/bench/new new

bench-old: $(BUILD)/tined $(BENCHES)		## beside another tined: OLD=program or commit
	@test -n '$(OLD)' || { echo 'which one? OLD=PROGRAM or OLD=COMMIT' >&2; exit 64; }
	$(BENCH)/run $(OLD:%=--old '%') --output $(BUILD)/bench/old

bench-wsgi: $(PROGRAMS) $(BENCHES)		## an application in Python, beside other servers of it
	$(BENCH)/run --output $(BUILD)/bench/wsgi wsgi

bench-apps: $(PROGRAMS) $(BENCHES)		## modules, CGI, proxy and FastCGI, beside other servers
	$(BENCH)/run --output $(BUILD)/bench/apps module cgi proxy fcgi

bench-parking: $(BUILD)/tined $(BENCHES)		## what hand-overs cost
	$(BENCH)/run --output $(BUILD)/bench/parking parking

bench-crowd: $(BUILD)/tined $(BENCHES)		## what idle and slow clients cost others
	$(BENCH)/crowd

bench-churn: $(BUILD)/tined			## a million requests, while workers are recycled
	$(BENCH)/churn

LAB_RUN := TINED='$(abspath $(BUILD))/tined' BUILD='$(abspath $(BUILD))' t/lab/run
LAB_NAMES := $(notdir $(basename $(wildcard t/lab/*.pl)))

lab: $(BUILD)/tined $(LAB)			## the laboratory: what TCP does to HTTP, a page of it
	rm -rf '$(BUILD)/lab/results'
	$(LAB_RUN) --output $(BUILD)/lab/results

lab-quick: $(BUILD)/tined $(LAB)		## the same in a minute
	$(LAB_RUN) --quick --output $(BUILD)/lab/quick

# A whole run's, each experiment of which has shown what it is to show; without
# captures and PNG files, which are large.
lab-doc:				## a run's results become those that come with the source: doc/lab
	@cd '$(BUILD)/lab/results' && ls index.html *.svg >/dev/null && \
	    ls $(LAB_NAMES:%=%.json) >/dev/null && \
	    ! grep -El '"(failed|quick)" : true' *.json || \
	    { echo 'there is no whole run, with plots: make lab' >&2; exit 1; }
	rm -rf doc/lab
	mkdir -p doc/lab
	cp $(foreach kind,json svg txt,$(BUILD)/lab/results/*.$(kind)) doc/lab
	$(LAB_RUN) --page --output doc/lab
	rm doc/lab/*.json

SECONDS_OF_CHAOS ?= 600
bench-chaos: $(BUILD)/tined			## clients, workers and lots that die, for half an hour
	$(BENCH)/chaos $(SECONDS_OF_CHAOS)

bench-burst: $(BUILD)/tined			## 200 clients at once, and idle workers' memory
	$(BENCH)/burst

fuzz:					## fuzz each parser for SECONDS=60
	BUILD='$(abspath $(BUILD))' JOBS=$(JOBS) t/fuzz/run $(SECONDS)

## Installing (prefix=/usr/local, DESTDIR and the like are honoured):

SUBST = sed -e 's|@version@|$(VERSION)|' \
	$(foreach dir,sbindir sysconfdir docdir localstatedir runstatedir includedir moduledir,-e 's|@$(dir)@|$($(dir))|g')

$(BUILD)/service/%: scripts/% FORCE
	@mkdir -p $(@D)
	@$(SUBST) $< >$@

SERVICE := $(addprefix $(BUILD)/service/tined.,service socket init default logrotate pc)
WSGI_SERVICE := $(BUILD)/service/tined-wsgi@.service
EXAMPLES := src/modules/hello.c src/modules/clock.c
DEFAULT := $(DESTDIR)$(sysconfdir)/default/tined

# An administrator's own defaults stay as they are.
install: $(PROGRAMS) $(SERVICE)	## program, modules, manual, service files
	$(INSTALL) -d '$(DESTDIR)$(sbindir)' '$(DESTDIR)$(mandir)/man3' '$(DESTDIR)$(mandir)/man8' \
		'$(DESTDIR)$(docdir)/examples' '$(DESTDIR)$(moduledir)' '$(DESTDIR)$(includedir)' '$(DESTDIR)$(pkgconfigdir)' \
		'$(DESTDIR)$(unitdir)' '$(DESTDIR)$(sysconfdir)/init.d' '$(DESTDIR)$(sysconfdir)/default' \
		'$(DESTDIR)$(sysconfdir)/logrotate.d'
	$(INSTALL) -m 755 $(BUILD)/tined '$(DESTDIR)$(sbindir)/tined'
	$(INSTALL) -m 644 $(filter-out $(BUILD)/tined $(WSGI),$(PROGRAMS)) '$(DESTDIR)$(moduledir)'
	$(INSTALL) -m 644 src/tined.h '$(DESTDIR)$(includedir)/tined.h'
	$(INSTALL) -m 644 $(BUILD)/service/tined.pc '$(DESTDIR)$(pkgconfigdir)/tined.pc'
	$(INSTALL) -m 644 man/tined-module.3 '$(DESTDIR)$(mandir)/man3/tined-module.3'
	$(INSTALL) -m 644 man/tined.8 '$(DESTDIR)$(mandir)/man8/tined.8'
	$(INSTALL) -m 644 README NEWS COPYING '$(DESTDIR)$(docdir)'
	$(INSTALL) -m 644 $(EXAMPLES) '$(DESTDIR)$(docdir)/examples'
	$(INSTALL) -m 644 $(BUILD)/service/tined.service $(BUILD)/service/tined.socket '$(DESTDIR)$(unitdir)'
	$(INSTALL) -m 755 $(BUILD)/service/tined.init '$(DESTDIR)$(sysconfdir)/init.d/tined'
	$(INSTALL) -m 644 $(BUILD)/service/tined.logrotate '$(DESTDIR)$(sysconfdir)/logrotate.d/tined'
	test -e '$(DEFAULT)' || $(INSTALL) -m 644 $(BUILD)/service/tined.default '$(DEFAULT)'

uninstall: $(SERVICE)			## takes all of it away again
	rm -f '$(DESTDIR)$(sbindir)/tined' '$(DESTDIR)$(mandir)/man8/tined.8' \
		'$(DESTDIR)$(mandir)/man3/tined-module.3' '$(DESTDIR)$(includedir)/tined.h' '$(DESTDIR)$(pkgconfigdir)/tined.pc' \
		'$(DESTDIR)$(unitdir)/tined.service' '$(DESTDIR)$(unitdir)/tined.socket' \
		'$(DESTDIR)$(sysconfdir)/init.d/tined' '$(DESTDIR)$(sysconfdir)/logrotate.d/tined'
	rm -rf '$(DESTDIR)$(docdir)' '$(DESTDIR)$(moduledir)'
	if cmp -s $(BUILD)/service/tined.default '$(DEFAULT)'; then rm -f '$(DEFAULT)'; fi

# Of its own, as the server needs no Python.
install-wsgi: $(WSGI) $(WSGI_SERVICE)	## the module wsgi, its manual and unit, if it was built
	@test -n '$(WSGI)' || $(call missing,Python to be embedded is missing,python3-dev)
	$(INSTALL) -d '$(DESTDIR)$(moduledir)' '$(DESTDIR)$(mandir)/man7' '$(DESTDIR)$(unitdir)'
	$(INSTALL) -m 644 $(WSGI) '$(DESTDIR)$(moduledir)/wsgi.so'
	$(INSTALL) -m 644 man/tined-wsgi.7 '$(DESTDIR)$(mandir)/man7/tined-wsgi.7'
	$(INSTALL) -m 644 $(WSGI_SERVICE) '$(DESTDIR)$(unitdir)'

uninstall-wsgi:				## takes them away again
	rm -f '$(DESTDIR)$(moduledir)/wsgi.so' '$(DESTDIR)$(mandir)/man7/tined-wsgi.7' \
		'$(DESTDIR)$(unitdir)/tined-wsgi@.service'

deb: $(PROGRAMS)			## Debian packages: build/tined*_VERSION-1_ARCH.deb
	MAKE='$(MAKE)' scripts/make-deb '$(VERSION)' '$(BUILD)'

dist:					## a tarball: build/tined-VERSION.tar.gz
	scripts/dist '$(VERSION)' '$(BUILD)'

distcheck: dist				## is the tarball whole: configure, build, install, uninstall
	scripts/distcheck '$(BUILD)/tined-$(VERSION).tar.gz'

## And:

clean:					## remove what was built
	rm -rf '$(BUILD)'

distclean: clean			## and what autoreconf and configure made
	rm -rf config.mk config.log config.status configure configure~ aclocal.m4 autom4te.cache

help:					## this list
	@awk -F '[ \t]*## ' '/^## / { print ""; print $$2; next } \
		/^[a-z0-9-]+:.*##/ { sub(/:.*/, "", $$1); printf "  %-14s %s\n", $$1, $$2 }' Makefile

FORCE:
.PHONY: all faulty check check-quick test check-unit check-e2e check-classic check-user check-layers check-headers check-style style format lint lint-c lint-man \
	lint-scripts sanitize bench bench-quick bench-new bench-old bench-crowd bench-wsgi bench-apps bench-parking bench-churn bench-chaos bench-burst lab lab-quick lab-doc fuzz install uninstall install-wsgi uninstall-wsgi deb dist distcheck clean distclean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:
