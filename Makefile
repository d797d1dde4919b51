# SPDX-License-Identifier: GPL-2.0-or-later
# One makefile, no recursion but for build variants; everything made lies under build/.
# Adding a source file to a folder is the whole change: the rules below find it.

VERSION := 0.1.0
PREFIX  ?= /usr
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG   ?= clang
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

# Variants keep apart: build/ (gcc), build/clang, build/san (SAN=1), build/fuzz.
VARIANT := $(if $(SAN),san,$(if $(findstring clang,$(CC)),clang,))
O       ?= build$(if $(VARIANT),/$(VARIANT))
B       := build/bpf

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wvla -Werror
CPPFLAGS := -I. -isystem $(B) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DUW_VERSION='"$(VERSION)"' \
	-DUW_LIBEXEC_DIR='"$(PREFIX)/libexec/uw"' -DUW_VENDOR_DIR='"$(PREFIX)/lib/uw"'
CFLAGS   ?= -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
CFLAGS   += -std=gnu17 $(WARN) $(EXTRA_CFLAGS)
# uwd's code is resident: what nothing calls of an archive's object is left out, and relocations are
# packed (DT_RELR, glibc 2.36).
CFLAGS   += -ffunction-sections -fdata-sections
LDFLAGS  ?= -Wl,-z,relro,-z,now
LDFLAGS  += -Wl,--gc-sections -Wl,-z,pack-relative-relocs
LDLIBS   := -lbpf -lelf -lz -lcgroup -linih -ljansson -lsystemd -lsqlite3 -lpthread
CLILIBS  := -lncursesw -ltinfo

ifdef SAN
CFLAGS  := -O1 -g -std=gnu17 $(WARN) -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
LDFLAGS := -fsanitize=address,undefined
endif

LAYERS   := base model policy conf record kern sense plant ledger act guard keep store shim launcher login jobs ipc lib lease metrics exporter slurm cli daemon
LIBS     := $(LAYERS:%=$(O)/lib/%.a) $(O)/lib/cgroups.a
# What Slurm loads.
PLUGINS   := spank_uw job_submit_uw
SRC       = $(filter-out %/main.c $(addprefix %/,$(PLUGINS:=.c)),$(wildcard user/$1/*.c user/$1/*/*.c))
OBJ       = $(patsubst %.c,$(O)/obj/%.o,$1)
BPF_OBJ  := $(patsubst bpf/%.bpf.c,$(B)/%.bpf.o,$(wildcard bpf/*.bpf.c))
SKEL     := $(B)/uw.skel.h
UNITS    := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(wildcard tests/unit/test_*.c))
SIMS     := $(patsubst tests/sim/%.c,$(O)/tests/sim/%,$(wildcard tests/sim/test_*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(O)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BOOSTED  := $(patsubst tests/%_boost.cc,$(O)/tests/%,$(wildcard tests/bench/*_boost.cc))
GUESTS   := $(filter-out $(BOOSTED),$(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/vm/*.c) $(wildcard tests/bench/*.c)))
PROGRAMS := $(O)/uwd $(O)/uwctl $(O)/uw-guard $(O)/uw-shim $(O)/uw-launcher $(O)/uw-keep $(O)/uw-login $(O)/uw-exporter
UW_HEADERS := $(addprefix user/lib/,uw.h uw_objects.h uw_ring.h)
LIBUW    := $(O)/libuw.so.0 $(O)/libuw.so $(O)/uw.pc
SLURM_SO := $(O)/spank_uw.so $(O)/job_submit_uw.so
MAN      := $(patsubst scripts/man/%.scd,build/man/%,$(wildcard scripts/man/*.scd))

BPF_CFLAGS := -std=gnu17 -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -Wextra -Wno-unused-parameter -Wshadow -Werror -I. -ffile-prefix-map=$(CURDIR)=.

.PHONY: all deb deb-check demo demo-slurm demo-host check unit pages python sim sim-long soak chaos chaos-sample vm kills-long bench bench-sched bench-nodes fuzz fuzz-long lint layers install install-python uninstall uninstall-python clean help guests fuzzers
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS) $(LIBUW) $(SLURM_SO) $(MAN) ## build uwd, uwctl, uw-exporter, uw-guard, uw-shim, uw-launcher, uw-keep, uw-login, libuw, the plug-ins for Slurm and the man pages (the default)

# ---- dependencies: each stamp is newer than scripts/deps once its packages are there ----
# DEPS=: where somebody else sees to them, as who builds packages does.
DEPS ?= scripts/deps
build/deps/%: scripts/deps
	$(Q)mkdir -p $(@D)
	$(Q)$(DEPS) $*
	$(Q)touch $@

# One apt at a time under -j.
build/deps/test: | build/deps/build
build/deps/vm build/deps/deb build/deps/lint: | build/deps/test
build/deps/deb build/deps/lint: | build/deps/vm
build/deps/lint: | build/deps/deb

# ---- BPF ----
$(B)/%.bpf.o: bpf/%.bpf.c | build/deps/build
	$(Q)mkdir -p $(@D)
	@echo "  BPF     $@"
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@

# One object of all: each load makes libbpf parse the kernel's types anew.
$(B)/uw.bpf.o: $(BPF_OBJ)
	$(Q)PATH=$$PATH:/usr/sbin bpftool gen object $@ $^

$(SKEL): $(B)/uw.bpf.o
	$(Q)PATH=$$PATH:/usr/sbin bpftool gen skeleton $< name uw >$@

# ---- C ----
$(call OBJ,$(wildcard user/kern/*.c) tests/unit/test_kern_hooks.c): $(SKEL)
$(call OBJ,$(wildcard tests/*/*.c)): | build/deps/test

$(O)/obj/%.o: %.c | build/deps/build
	$(Q)mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# What is made for one PREFIX is made anew for another.
.PHONY: FORCE
$(O)/prefix: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo $(PREFIX) | cmp -s - $@ || echo $(PREFIX) >$@
$(call OBJ,user/jobs/ops.c user/daemon/keepers.c cgroups/pool.c): $(O)/prefix

# A unit test runs for a moment and is compiled for longer; what it tests is optimised as ever.
$(O)/obj/tests/unit/%.o: CFLAGS += -Og

define LAYER_RULE
$(O)/lib/$1.a: $$(call OBJ,$$(call SRC,$1))
endef
$(foreach l,$(LAYERS),$(eval $(call LAYER_RULE,$l)))
$(O)/lib/cgroups.a: $(call OBJ,$(wildcard cgroups/*.c))

$(O)/lib/%.a:
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@
	$(Q)ar rcsD $@ $^

libs = -Wl,--start-group $(patsubst %,$(O)/lib/%.a,$1) -Wl,--end-group
CLI_LAYERS    := cli plant metrics conf policy record ipc cgroups kern act ledger sense model base
DAEMON_LAYERS := daemon lease keep lib jobs launcher shim store conf policy record ipc cgroups kern act ledger sense model base

$(O)/uwctl: $(O)/obj/user/cli/main.o $(CLI_LAYERS:%=$(O)/lib/%.a)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(CLI_LAYERS)) $(LDLIBS) $(CLILIBS) -o $@

# Bound at the start: the tables that the loader searches are not needed again.
$(O)/uwd: $(O)/obj/user/daemon/main.o $(DAEMON_LAYERS:%=$(O)/lib/%.a)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,-z,now $< $(call libs,$(DAEMON_LAYERS)) $(LDLIBS) -o $@

# What serves HTTP is a program of its own, and links nothing of what acts.
EXPORTER_LAYERS := exporter metrics ipc model base
$(O)/uw-exporter: $(O)/obj/user/exporter/main.o $(EXPORTER_LAYERS:%=$(O)/lib/%.a)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(EXPORTER_LAYERS)) -ljansson -lsystemd -lmicrohttpd -o $@

# The guard is static: it must run when nothing else can be loaded.
GUARD_OBJ := $(call OBJ,$(wildcard user/guard/*.c) $(wildcard user/ledger/*.c) $(wildcard user/base/*.c))
$(O)/uw-guard: $(GUARD_OBJ)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(if $(SAN),,-static) $^ -o $@

# So is the shim, one of which stands behind each job: it must be small.
SHIM_OBJ := $(call OBJ,$(wildcard user/shim/*.c) user/model/job_pack.c user/model/job_block.c \
	cgroups/guard.c cgroups/procs.c cgroups/group.c $(wildcard user/base/*.c))
$(O)/uw-shim: $(SHIM_OBJ)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(if $(SAN),,-static) $^ -o $@

# And what makes them, whose page tables each of them begins with.
LAUNCHER_OBJ := $(call OBJ,$(filter-out user/launcher/link.c,$(wildcard user/launcher/*.c)) \
	cgroups/guard.c cgroups/procs.c cgroups/group.c $(wildcard user/base/*.c))
$(O)/uw-launcher: $(LAUNCHER_OBJ)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(if $(SAN),,-static) $^ -o $@

# And the keeper, whose memory stands beside that of pools: it must be small too.
KEEP_OBJ := $(call OBJ,$(wildcard user/keep/*.c) $(wildcard user/base/*.c))
$(O)/uw-keep: $(KEEP_OBJ)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(if $(SAN),,-static) $^ -o $@

# Loaded, as PAM and the lookups of names are; it is gone when the job runs.
LOGIN_LAYERS := login shim cgroups model base
$(O)/uw-login: $(O)/obj/user/login/main.o $(LOGIN_LAYERS:%=$(O)/lib/%.a)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(LOGIN_LAYERS)) -o $@

# What programs link: of its own files alone, and only what libuw.map names can be seen.
LIBUW_OBJ := $(patsubst %.c,$(O)/pic/%.o,$(wildcard user/lib/*.c user/lib/*/*.c))
$(O)/pic/%.o: %.c | build/deps/build
	$(Q)mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -MMD -MP -c $< -o $@

$(O)/libuw.so.0: $(LIBUW_OBJ) user/lib/libuw.map
	$(Q)mkdir -p $(@D)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libuw.so.0 -Wl,--version-script=user/lib/libuw.map \
		$(if $(SAN),,-Wl,-z$(comma)defs) $(LIBUW_OBJ) -lpthread -o $@

comma := ,
$(O)/libuw.so: $(O)/libuw.so.0
	$(Q)ln -sf libuw.so.0 $@

$(O)/uw.pc: user/lib/uw.pc.in FORCE
	$(Q)mkdir -p $(@D)
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' $< >$@.new
	$(Q)cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# The plug-ins for Slurm: all else is built without them where Slurm's headers are missing. What they call of
# Slurm is in who loads them.
SLURM_H   := /usr/include/slurm/spank.h
SLURM_OBJ := $(patsubst %.c,$(O)/pic/%.o,$(call SRC,slurm) $(addprefix user/ipc/,client.c json.c wire.c interface.c \
	interface_jobs.c interface_leases.c interface_metrics.c) $(wildcard user/base/*.c))
$(SLURM_SO): $(O)/%.so: user/slurm/%.c user/slurm/%.map $(SLURM_OBJ)
	$(Q)if [ ! -e $(SLURM_H) ]; then \
		echo "  SKIP    $@: no $(SLURM_H), which libslurm-dev has"; rm -f $@; \
	else \
		echo "  LINK    $@"; \
		$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -MMD -MP -MF $(@:.so=.d) $(LDFLAGS) -shared \
			-Wl,--version-script=user/slurm/$*.map $< $(SLURM_OBJ) -ljansson -o $@; \
	fi

# And for the next Debian's, whose Slurm a case runs.
SLURM_NEXT := $(PLUGINS:%=$(O)/tests/vm/%_next.so)
$(SLURM_NEXT): $(O)/tests/vm/%_next.so: user/slurm/%.c user/slurm/%.map $(call SRC,slurm) $(filter-out $(O)/pic/user/slurm/%,$(SLURM_OBJ)) | build/deps/vm
	$(Q)mkdir -p $(@D)
	@echo "  LINK    $@"
	$(Q)headers=$$(scripts/vm-image slurm trixie) && $(CC) -isystem $$headers $(CPPFLAGS) $(CFLAGS) -fPIC $(LDFLAGS) -shared \
		-Wl,--version-script=user/slurm/$*.map $(filter %.c %.o,$^) -ljansson -o $@

# A page that has tables says so in its first line, or groff is not told to have tbl draw them. This file is
# the recipe of all of them, and says which version they are of.
build/man/%: scripts/man/%.scd Makefile | build/deps/build
	$(Q)mkdir -p $(@D)
	$(Q)sed '1s/$$/ "uwctl $(VERSION)"/' $< | scdoc >$@
	$(Q)! grep -q '^\.TS' $@ || sed -i "1i '\\\\\" t" $@

# Of what uwd answers, the page has what uwd says of it itself.
build/man/uwctl-json.7: scripts/man/uwctl-json.7.scd Makefile $(O)/uwctl | build/deps/build
	$(Q)mkdir -p $(@D)
	$(Q)$(O)/uwctl help --interface | \
		sed -e '1s/$$/ "uwctl $(VERSION)"/' -e '/^@INTERFACE@$$/{r /dev/stdin' -e 'd}' $< | scdoc >$@

# ---- tests ----
TEST_LAYERS := cli plant slurm exporter metrics daemon lease jobs store login launcher shim guard keep conf policy record ipc lib cgroups kern act ledger sense model base
$(O)/tests/unit/%: $(O)/obj/tests/unit/%.o $(TEST_LAYERS:%=$(O)/lib/%.a) | build/deps/test
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(TEST_LAYERS)) $(LDLIBS) -lmicrohttpd $(CLILIBS) -lcmocka -o $@

# Faults by number, of what units test one by one.
CHAOS_OBJ := $(call OBJ,$(wildcard tests/chaos/*.c))
$(O)/tests/chaos: $(CHAOS_OBJ) $(TEST_LAYERS:%=$(O)/lib/%.a) | build/deps/test
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(CHAOS_OBJ) $(call libs,$(TEST_LAYERS)) $(LDLIBS) -lmicrohttpd $(CLILIBS) -lcmocka -o $@

# What the README and tests/examples show is built as a program of somebody else is, but for where
# the library and its header lie before they are installed.
EXAMPLES := $(patsubst tests/examples/%.c,$(O)/tests/examples/%,$(wildcard tests/examples/*.c)) $(O)/tests/examples/readme
UW_FLAGS  = $$(PKG_CONFIG_PATH=$(O) pkg-config --define-variable=includedir=user/lib --define-variable=libdir=$(O) --cflags --libs uw)

$(O)/obj/tests/examples/readme.c: README.md
	$(Q)mkdir -p $(@D)
	$(Q)awk '/^```c$$/{on=1; next} /^```/{on=0} on' $< >$@

$(O)/tests/examples/readme: $(O)/obj/tests/examples/readme.c $(LIBUW)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(UW_FLAGS) -o $@

$(O)/tests/examples/%: tests/examples/%.c $(UW_HEADERS) $(LIBUW) | build/deps/build
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(UW_FLAGS) -o $@

$(O)/tests/unit/test_examples: $(EXAMPLES)
$(O)/obj/tests/unit/test_examples.o: CPPFLAGS += -DEXAMPLES='"$(O)/tests/examples"'

SIM_LAYERS := plant sense record conf policy model cgroups base
$(O)/tests/sim/%: $(O)/obj/tests/sim/%.o $(call OBJ,$(filter-out tests/sim/test_%.c,$(wildcard tests/sim/*.c)) \
		user/cli/redo.c user/cli/effect/demand.c user/cli/effect/machine.c) $(SIM_LAYERS:%=$(O)/lib/%.a) | build/deps/test
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(call libs,$(SIM_LAYERS)) -linih -lpthread -lcmocka -o $@

# No more than what has parsers: each object is made anew for this.
FUZZ_ENGINE := -fsanitize=fuzzer
FUZZ_LAYERS := keep conf record ipc lib cgroups ledger sense model base
FUZZ_OBJ    := $(call OBJ,user/act/page_in.c user/cli/jobs/footprints.c \
		$(patsubst %,user/cli/simulate/%.c,agenda nodes placement replay trace) $(wildcard user/policy/admit/*.c))
$(O)/tests/fuzz/%: $(O)/obj/tests/fuzz/%.o $(FUZZ_OBJ) $(FUZZ_LAYERS:%=$(O)/lib/%.a)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(FUZZ_ENGINE) $(call libs,$(FUZZ_LAYERS)) $(LDLIBS) -o $@

# Programs that run inside the guest.
$(O)/tests/vm/%: $(O)/obj/tests/vm/%.o $(TEST_LAYERS:%=$(O)/lib/%.a)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(TEST_LAYERS)) $(LDLIBS) -o $@

# The server of leases, and libuw that asks it: what the Python package is tested against, and bench-lease.
LEASE_LAYERS := lease keep ipc lib policy model cgroups base
$(O)/tests/python/%: $(O)/obj/tests/python/%.o $(LEASE_LAYERS:%=$(O)/lib/%.a)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(LEASE_LAYERS)) $(LDLIBS) -o $@

$(O)/tests/bench/txn: $(O)/obj/tests/bench/txn.o | build/deps/test
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< -lsqlite3 -lm -o $@

$(O)/tests/bench/admit: $(O)/obj/tests/bench/admit.o $(O)/lib/policy.a $(O)/lib/model.a $(O)/lib/base.a
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,policy model base) -o $@

# The daemon's own queue, with starts that start nothing.
QUEUE_LAYERS := jobs launcher shim store policy model cgroups base
$(O)/tests/bench/queue: $(O)/obj/tests/bench/queue.o $(QUEUE_LAYERS:%=$(O)/lib/%.a)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(QUEUE_LAYERS)) $(LDLIBS) -o $@

# All of it but for the machine.
$(O)/tests/bench/hostile: $(O)/obj/tests/bench/hostile.o $(DAEMON_LAYERS:%=$(O)/lib/%.a)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(DAEMON_LAYERS)) $(LDLIBS) -o $@

# A uwd over plain files, for who looks at one.
$(O)/tests/bench/scene: $(O)/obj/tests/bench/scene.o $(DAEMON_LAYERS:%=$(O)/lib/%.a)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(DAEMON_LAYERS)) $(LDLIBS) -o $@

# The parts of a tick, natively over plain files and in a guest over cgroups.
$(O)/tests/bench/scale: $(O)/obj/tests/bench/scale.o $(DAEMON_LAYERS:%=$(O)/lib/%.a)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(DAEMON_LAYERS)) $(LDLIBS) -o $@

# Natively, beside what others make: over the library as programs have it.
$(O)/tests/bench/pools_%: $(O)/obj/tests/bench/pools_%.o $(O)/libuw.so
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< -L$(O) -luw -Wl,-rpath,'$$ORIGIN/../..' -lm -lpthread -o $@

$(O)/tests/bench/lease: $(O)/obj/tests/bench/lease.o $(LEASE_LAYERS:%=$(O)/lib/%.a)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(call libs,$(LEASE_LAYERS)) $(LDLIBS) -o $@

# Natively, beside what others make in C++: over the library as programs have it.
$(O)/obj/%.o: %.cc | build/deps/bench
	$(Q)mkdir -p $(@D)
	@echo "  CXX     $@"
	$(Q)$(CXX) $(CPPFLAGS) -O2 -g -std=gnu++17 -Wall -Wextra -MMD -MP -c $< -o $@

$(BOOSTED:$(O)/%=$(O)/obj/%.o): | build/deps/bench
$(BOOSTED): $(O)/tests/bench/%: $(O)/obj/tests/bench/%.o $(O)/obj/tests/bench/%_boost.o $(O)/libuw.so
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) $(LDFLAGS) $(filter %.o,$^) -L$(O) -luw -Wl,-rpath,'$$ORIGIN/../..' -lpthread -lrt -o $@

bench-pools: $(BOOSTED)
$(O)/tests/bench/%: $(O)/obj/tests/bench/%.o | build/deps/build
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -static $< -lm -o $@

guests: $(GUESTS)
fuzzers: $(FUZZERS)

# One that hangs is ended, and says where.
TEST_S      := 600
PYTHON_TEST := -X faulthandler -B
ENDS        := timeout --signal=ABRT --kill-after=10 $(TEST_S)

unit: $(UNITS) $(O)/uw-shim $(O)/uw-launcher $(O)/uw-login $(O)/uw-exporter $(O)/uwctl $(O)/tests/bench/scene $(O)/tests/bench/probe python | build/deps/test ## unit tests: no root, under a minute
	$(Q)scripts/run-units $(UNITS)
	$(Q)$(ENDS) tests/unit/test_completion.sh
	$(Q)$(ENDS) tests/unit/test_node_health.sh
	$(Q)UW_BUILD=$(O) $(ENDS) /usr/bin/python3 $(PYTHON_TEST) tests/unit/test_top_screen.py
	$(Q)$(if $(SAN),: ,)UW_BUILD=$(O) $(ENDS) /usr/bin/python3 $(PYTHON_TEST) tests/unit/test_commands.py -q
	$(Q)$(ENDS) /usr/bin/python3 $(PYTHON_TEST) tests/pages/test_pages.py -q
	$(Q)UW_BUILD=$(O) $(ENDS) python3 $(PYTHON_TEST) -m unittest discover -q -s tests/bench
	$(Q)UW_BUILD=$(O) $(ENDS) /usr/bin/python3 $(PYTHON_TEST) -m unittest discover -q -s tests/exporter
	$(Q)$(ENDS) /usr/bin/python3 $(PYTHON_TEST) -m unittest discover -q -s tests/fuzz

pages: $(O)/tests/unit/test_report | build/deps/pages ## the pages of report and simulate, opened in a headless Chromium, which it installs; screenshots in build/report
	$(Q)$<
	$(Q)/usr/bin/python3 -B tests/pages/test_pages.py open

# With numpy and without, where there is a Python of either kind.
PYTHONS ?= $(sort $(shell readlink -f $$(command -v python3) /usr/bin/python3))
python: $(LIBUW) $(O)/tests/python/lease_server | build/deps/test ## tests of the Python package, by each of PYTHONS
	$(Q)for python in $(PYTHONS); do UW_BUILD=$(abspath $(O)) PYTHONPATH=user/python \
		$(if $(SAN),LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0) \
		$(ENDS) $$python $(PYTHON_TEST) -m unittest discover -q -s tests/python || exit; done

sim: $(SIMS) ## the policy against a simulated machine: invariants under seeded load
	$(Q)scripts/run-units $(SIMS)

LONG_HOURS ?= 1000
sim-long: $(O)/tests/sim/test_long ## LONG_HOURS=1000 simulated hours of hostile load; some five minutes on 2 cores
	$(Q)LONG_HOURS=$$(($(LONG_HOURS) / 2)) $< & LONG_FROM=$$(($(LONG_HOURS) / 2 + 1)) LONG_HOURS=$$(($(LONG_HOURS) - $(LONG_HOURS) / 2)) $<; \
		status=$$?; wait $$! && exit $$status

# fuzz_build FOLDER,LDFLAGS,CFLAGS: the fuzzers in build/fuzzFOLDER
fuzz_build = +$(Q)$(MAKE) --no-print-directory O=build/fuzz$1 CC=clang VARIANT=fuzz LDFLAGS="$2" CFLAGS="-g $3" fuzzers
checked_flags := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
checked_link := -fsanitize=address,undefined
fuzz_checked = $(call fuzz_build,,$(checked_link),$(checked_flags))
FUZZ_S ?= 5
fuzz: | build/deps/build build/deps/test ## every parser under libFuzzer, FUZZ_S=5 seconds each
	$(fuzz_checked)
	$(Q)scripts/run-fuzz $(FUZZ_S) build/fuzz/tests/fuzz

# For volume: what is undefined traps; addresses, and what is learned of each comparison, are left to the other
# build, which has a part of each turn.
fuzz_flags := -O2 -D_FORTIFY_SOURCE=2 -fsanitize=fuzzer-no-link,undefined -fsanitize-trap=undefined -fno-sanitize-coverage=trace-cmp
fuzz_engine = $(shell clang -print-file-name=libclang_rt.fuzzer-$(shell uname -m).a) -lstdc++ -lm
FUZZ_EXECUTIONS ?= 1000000000
FUZZ_LONG_S     ?= 0
fuzz-long: | build/deps/build build/deps/test ## FUZZ_EXECUTIONS=1000000000 of each fuzzer, added up in build/fuzz/executions.json over sittings of FUZZ_LONG_S seconds
	$(fuzz_checked)
	$(call fuzz_build,/fast,,$(fuzz_flags)) FUZZ_ENGINE="$(fuzz_engine)"
	$(Q)/usr/bin/python3 -B tests/fuzz/long.py --checked build/fuzz/tests/fuzz --fast build/fuzz/fast/tests/fuzz \
		--executions $(FUZZ_EXECUTIONS) --seconds $(FUZZ_LONG_S) $(FUZZ)

layers: all $(O)/lib/slurm.a | build/deps/test ## who includes whom, what pure objects import, what lies where and looks how, what packages are made of
	$(Q)scripts/check-layers
	$(Q)scripts/check-tree
	$(Q)scripts/lint format shell
	$(Q)scripts/check-deb

lint: $(SKEL) | build/deps/lint ## clang-format, clang-tidy, cppcheck, shellcheck
	$(Q)scripts/lint

KERNELS ?= 6.1 6.12 7.x
vm: all guests $(SLURM_NEXT) | build/deps/vm ## the kernel matrix: every VM case on KERNELS="6.1 6.12 7.x"
	$(Q)scripts/vm-matrix $(MATRIX) $(KERNELS)

KILLS ?= 1000
SEED  ?= 1
kills-long: all guests | build/deps/vm ## KILLS=1000 random kills of what has to do with leases and pools, SEED=1; half an hour
	$(Q)scripts/vm --cpus 1 --timeout 3000 $(addprefix --put ,tests/vm/run.sh tests/vm/lib.sh tests/vm/kills.sh $(O)/tests/vm/uw_kills) -- \
		env KILLS=$(KILLS) SEED=$(SEED) bash /run/put/run.sh kills

SOAK_S ?= 7000
SOAK := $(addprefix tests/vm/,run.sh lib.sh soak.sh soak.py) $(addprefix $(O)/tests/,vm/uw_lease vm/uw_pool bench/hog)
soak: all guests | build/deps/vm ## SOAK_S=7000 seconds of jobs, leases, freezes and reloads on each of KERNELS: does uwd grow?
	$(Q)mkdir -p $(O)/soak
	$(Q)set -e; for kernel in $(KERNELS); do \
		scripts/vm --kernel $$kernel --cpus 1 --timeout $$(($(SOAK_S) + 1800)) $(addprefix --put ,$(SOAK)) \
			--get /tmp/soak.samples $(O)/soak/$$kernel -- \
			"SOAK_S=$(SOAK_S) bash /run/put/run.sh soak; rc=\$$?; tail -n 20 /tmp/soak.log; exit \$$rc"; \
	done

CHAOS_S ?= 20
chaos: all guests $(O)/tests/chaos | build/deps/vm ## faults by number, kills, losses of power, what a machine lacks, fuzzers; half an hour on 2 cores
	+$(Q)MAKE='$(MAKE)' scripts/chaos

chaos-sample: $(O)/tests/chaos $(O)/uw-shim ## CHAOS_S=20 seconds of its faults by number, drawn by SEED=1
	$(Q)mkdir -p $(O)/chaos
	$(Q)$< --sample $(CHAOS_S) --seed $(SEED) --results $(O)/chaos/sample.json

check: ## everything but the benches; some twenty minutes on 2 cores without KVM
	$(Q)$(MAKE) --no-print-directory -j2 all
	+$(Q)MAKE='$(MAKE)' scripts/check

deb: ## Debian packages for bookworm and trixie, each in a clean root, into build/deb
	$(Q)scripts/deb

deb-check: | build/deps/vm ## each built twice, same bytes; then installed, upgraded and purged in a guest of its suite
	$(Q)scripts/deb --twice --try

demo: all guests | build/deps/vm ## a leak beside a trading stack, without and with uwctl, in a VM
	$(Q)scripts/demo

demo-slurm: all guests | build/deps/vm ## jobs of Slurm beside a service on each node, without and with the plug-in, in a VM
	$(Q)scripts/demo-slurm

demo-host: all guests ## the same on this machine, as root, where it can (uwctl check says so)
	$(Q)scripts/demo --host

TRACES  ?= ../shared/data
BENCHES := protect overhead daemon scale react queue pools hostile top lease jobs lend turns sibling crowd mix savings rivals $(if $(wildcard $(TRACES)/*.jobs),sched)
bench: $(BENCHES:%=bench-%) ## all benches; each writes build/bench/NAME.json
bench-%: all guests | build/deps/vm ## one bench: scripts/bench --help names them
	$(Q)scripts/bench $*

# The scheduler on recorded workloads in TRACES, which are not part of the project; needs no guest.
bench-sched: all
	$(Q)python3 -B tests/bench/sched_bench.py $(TRACES)

bench-nodes: all ## Slurm with 1,000 nodes on traces of the folder TRACES=, natively; a minute
	$(Q)python3 -B tests/bench/nodes_bench.py $(TRACES)

# ---- install ----
# Where the python3 of PATH looks for what its distribution installs.
PYTHONDIR ?= $(shell python3 -c 'import sysconfig as s; print(s.get_path("purelib", *{"deb_system"} & {*s.get_scheme_names()}))')
PYTHON_FILES := $(shell cd user/python && find unity_wheel -name '*.py' -o -name py.typed)

install-python: ## the Python package, to PYTHONDIR=; part of install
	$(Q)for f in $(PYTHON_FILES); do install -Dm644 user/python/$$f $(DESTDIR)$(PYTHONDIR)/$$f || exit; done

uninstall-python:
	rm -rf $(DESTDIR)$(PYTHONDIR)/unity_wheel/memory
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PYTHONDIR)/unity_wheel

install: all install-python ## DESTDIR= PREFIX=/usr
	install -Dm755 $(O)/uwd $(DESTDIR)$(PREFIX)/sbin/uwd
	install -Dm755 $(O)/uwctl $(DESTDIR)$(PREFIX)/bin/uwctl
	install -Dm755 $(O)/uw-exporter $(DESTDIR)$(PREFIX)/sbin/uw-exporter
	install -Dm755 scripts/uw-node-health $(DESTDIR)$(PREFIX)/sbin/uw-node-health
	install -Dm755 $(O)/uw-guard $(DESTDIR)$(PREFIX)/libexec/uw/uw-guard
	install -Dm755 $(O)/uw-shim $(DESTDIR)$(PREFIX)/libexec/uw/uw-shim
	install -Dm755 $(O)/uw-launcher $(DESTDIR)$(PREFIX)/libexec/uw/uw-launcher
	install -Dm755 $(O)/uw-keep $(DESTDIR)$(PREFIX)/libexec/uw/uw-keep
	install -Dm755 $(O)/uw-login $(DESTDIR)$(PREFIX)/libexec/uw/uw-login
	$(Q)test -e $(DESTDIR)/etc/pam.d/uw || install -Dm644 scripts/uw.pam $(DESTDIR)/etc/pam.d/uw
	install -Dm755 $(O)/libuw.so.0 $(DESTDIR)$(LIBDIR)/libuw.so.0
	ln -sf libuw.so.0 $(DESTDIR)$(LIBDIR)/libuw.so
	$(Q)test ! -e $(O)/spank_uw.so || install -Dm644 -t $(DESTDIR)$(LIBDIR)/slurm-wlm $(SLURM_SO)
	install -Dm644 -t $(DESTDIR)$(PREFIX)/include $(UW_HEADERS)
	install -Dm644 $(O)/uw.pc $(DESTDIR)$(LIBDIR)/pkgconfig/uw.pc
	$(Q)for u in uwd.service uw-launcher.socket uw-launcher@.service uw-exporter.service; do \
		sed 's|=\(-\{0,1\}\)/usr/|=\1$(PREFIX)/|' scripts/$$u | \
		install -Dm644 /dev/stdin $(DESTDIR)$(PREFIX)/lib/systemd/system/$$u || exit; done
	install -Dm644 scripts/prometheus/uw.rules.yml $(DESTDIR)$(PREFIX)/share/uw/uw.rules.yml
	install -Dm644 scripts/prometheus/uw.dashboard.json $(DESTDIR)$(PREFIX)/share/uw/uw.dashboard.json
	install -Dm644 scripts/uw.catalog $(DESTDIR)$(PREFIX)/lib/systemd/catalog/uw.catalog
	install -Dm644 scripts/uw.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/uw.conf
	install -Dm644 scripts/uwctl.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/uwctl
	install -Dm644 scripts/uwctl.zsh-completion $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_uwctl
	install -Dm644 scripts/uwctl.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/uwctl.fish
	$(Q)for p in cgroups/profiles/*.conf; do \
		install -Dm644 $$p $(DESTDIR)$(PREFIX)/lib/uw/profiles/$${p##*/}; done
	$(Q)for m in $(MAN); do s=$${m##*.}; \
		install -Dm644 $$m $(DESTDIR)$(PREFIX)/share/man/man$$s/$${m##*/}; done

uninstall: uninstall-python ## what install put there; configuration in /etc/uw stays
	rm -f $(DESTDIR)$(PREFIX)/sbin/uwd $(DESTDIR)$(PREFIX)/bin/uwctl $(DESTDIR)$(PREFIX)/sbin/uw-exporter $(DESTDIR)$(PREFIX)/sbin/uw-node-health
	rm -f $(DESTDIR)$(LIBDIR)/libuw.so.0 $(DESTDIR)$(LIBDIR)/libuw.so $(SLURM_SO:$(O)/%=$(DESTDIR)$(LIBDIR)/slurm-wlm/%)
	rm -f $(UW_HEADERS:user/lib/%=$(DESTDIR)$(PREFIX)/include/%) $(DESTDIR)$(LIBDIR)/pkgconfig/uw.pc
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/lib/systemd/system/,uwd.service uw-launcher.socket uw-launcher@.service uw-exporter.service)
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/uw.conf $(DESTDIR)$(PREFIX)/lib/systemd/catalog/uw.catalog
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/uwctl
	rm -f $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_uwctl
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/uwctl.fish
	rm -rf $(DESTDIR)$(PREFIX)/libexec/uw $(DESTDIR)$(PREFIX)/lib/uw $(DESTDIR)$(PREFIX)/share/uw
	$(Q)for m in $(MAN); do s=$${m##*.}; rm -f $(DESTDIR)$(PREFIX)/share/man/man$$s/$${m##*/}; done

clean: ## removes build/ (VM images and kernels are cached elsewhere: scripts/vm --help)
	rm -rf build

help: ## this list
	@awk -F':.*## ' '/^[a-z%-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(shell find build -name '*.d' 2>/dev/null)
