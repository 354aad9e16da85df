# sockt: `make`, `make check`, `make install`. Yours to set: CC CFLAGS CPPFLAGS LDFLAGS LDLIBS PREFIX DESTDIR.
# VARIANT=asan and VARIANT=portable build apart in build/$(VARIANT); DEPS=no leaves the system's packages alone.

VERSION = 0.1.0
PREFIX  = /usr/local
VARIANT = plain

B     := build/$(VARIANT)
SOCKT := $(if $(filter plain,$(VARIANT)),build/sockt,$B/sockt)

ifeq ($(VARIANT),asan)
CFLAGS ?= -O1 -g
SAN     = -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-maybe-uninitialized
else
CFLAGS ?= -O2 -g
HARDEN  = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	  $(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),-fcf-protection) -fPIE
HARDLD  = -pie -Wl,-z,relro,-z,now
endif

WARN = -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla $(WERROR)
DEFS = -std=c11 -D_GNU_SOURCE -I. -DSOCKT_VERSION='"$(VERSION)"' $(if $(filter portable,$(VARIANT)),-DSOCKT_PORTABLE)
OURS = $(DEFS) $(WARN) $(SAN) -pthread

# Two small libraries that the loader need not look for: a tenth of the start-up. LIBS=-lbsd links them as usual.
LIBS = $(if $(filter /%,$(shell $(CC) -print-file-name=libbsd.a)),-l:libbsd.a -l:libmd.a,-lbsd)

COMPILE = $(CC) $(OURS) $(HARDEN) $(CPPFLAGS) $(CFLAGS) -MMD -MP
LINK    = $(SAN) -pthread $(HARDLD) -Wl,--as-needed $(LDFLAGS)

OBJS  := $(patsubst %.c,$B/%.o,$(sort $(wildcard cmd/*.c lib/*/*.c)))
UNITS := $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/*.c))
FUZZ  := $(patsubst tests/fuzz/%.c,$B/fuzz/%,$(filter-out tests/fuzz/run.c,$(wildcard tests/fuzz/*.c)))
FAULT := $(patsubst tests/fault/%.c,$B/fault/%.so,$(wildcard tests/fault/*.c))
PEERS := $(patsubst tests/peers/%.c,$B/peers/%,$(wildcard tests/peers/*.c))
LOADS := $(patsubst tests/bench/%.c,build/bench/%,$(wildcard tests/bench/*.c))

NO_MAIN    = $(filter-out $B/cmd/main.o,$(OBJS))
LOW_LAYERS = $(filter $B/lib/base/%.o $B/lib/wire/%.o,$(OBJS))

# One short line a step; V=1 shows the commands.
Q   = $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)  $(2)")

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.PHONY: all completions install uninstall clean deps-build deps-check deps-bench deps-fuzz deps-lint \
	tests benches check check-asan demo bench lint fuzz

all: $(SOCKT)

$(SOCKT): $(OBJS)
	$(call say,LD,$@)
	$Q$(CC) $(CFLAGS) $(LINK) -o $@ $^ $(LIBS) $(LDLIBS)

$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$Q$(COMPILE) -c -o $@ $<

# What the tests use beside the binary: each is one source, compiled and linked in one step.
$B/optdump: tests/tools/optdump.c $(NO_MAIN)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$Q$(COMPILE) $(LINK) -o $@ $< $(NO_MAIN) $(LIBS) $(LDLIBS)

$B/unit/%: tests/unit/%.c $(LOW_LAYERS)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$Q$(COMPILE) $(LINK) -o $@ $< $(LOW_LAYERS) $(LIBS) $(LDLIBS)

# A fuzz target with a main() that runs its corpus; `make fuzz` lets libFuzzer look for more, FUZZ_SECONDS each.
$B/fuzz/%: tests/fuzz/%.c tests/fuzz/run.c $(LOW_LAYERS)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$Q$(COMPILE) $(LINK) -o $@ $< tests/fuzz/run.c $(LOW_LAYERS) $(LIBS) $(LDLIBS)

FUZZ_SECONDS = 30
fuzz: deps-fuzz
	@mkdir -p build/fuzz
	@for t in $(notdir $(FUZZ)); do mkdir -p build/fuzz/found-$$t && \
	    clang $(DEFS) -g -O1 -fsanitize=fuzzer,address,undefined -o build/fuzz/$$t tests/fuzz/$$t.c \
		$(wildcard lib/base/*.c lib/wire/*.c) $(LIBS) && \
	    build/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) build/fuzz/found-$$t tests/fuzz/corpus/$$t || exit 1; done

$B/peers/%: tests/peers/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$Q$(COMPILE) $(LINK) -o $@ $< $(LIBS) $(LDLIBS)

build/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$Q$(COMPILE) $(LINK) -o $@ $< -lbsd $(LDLIBS)

# Preloaded in front of libc: neither sanitized nor fortified, or they would replace the wrong functions.
$B/fault/%.so: tests/fault/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$Q$(CC) $(DEFS) $(WARN) $(CPPFLAGS) $(CFLAGS) -U_FORTIFY_SOURCE -MMD -MP -fPIC -shared $(LDFLAGS) -o $@ $< -ldl

tests: $(SOCKT) $(UNITS) $(FUZZ) $(FAULT) $(PEERS) $(if $(wildcard tests/tools/optdump.c),$B/optdump)
benches: $(SOCKT) $(LOADS)

completions: $B/optdump
	@mkdir -p $@
	$B/optdump bash >$@/.new && mv $@/.new $@/sockt.bash
	$B/optdump zsh >$@/.new && mv $@/.new $@/_sockt
	$B/optdump fish >$@/.new && mv $@/.new $@/sockt.fish

SHARE = $(DESTDIR)$(PREFIX)/share
install: $(SOCKT)
	install -D -m 755 $(SOCKT) $(DESTDIR)$(PREFIX)/bin/sockt
	for m in man/*.[1-8]; do install -D -m 644 "$$m" "$(SHARE)/man/man$${m##*.}/$${m##*/}" || exit 1; done
	install -D -m 644 completions/sockt.bash $(SHARE)/bash-completion/completions/sockt
	install -D -m 644 completions/_sockt $(SHARE)/zsh/site-functions/_sockt
	install -D -m 644 completions/sockt.fish $(SHARE)/fish/vendor_completions.d/sockt.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/sockt
	for m in man/*.[1-8]; do rm -f "$(SHARE)/man/man$${m##*.}/$${m##*/}"; done
	rm -f $(SHARE)/bash-completion/completions/sockt $(SHARE)/zsh/site-functions/_sockt
	rm -f $(SHARE)/fish/vendor_completions.d/sockt.fish

clean:
	rm -rf build

# These install what is missing first, then build in a second make: what was missing may be the compiler.
deps-build deps-check deps-bench deps-fuzz deps-lint:
	$(if $(filter no,$(DEPS)),,@tests/tools/packages $(@:deps-%=%))

demo: deps-build
	@$(MAKE) all
	@tests/demo $(SOCKT)

# Narrow it with T='tests/connect.bats tests/unit/num.c' and F='regex of test names'.
export T F
check: deps-check
	@$(MAKE) WERROR=-Werror tests
	@tests/tools/check $B

check-asan:
	@$(MAKE) VARIANT=asan check

# Narrow it with BENCH='redis forward'; tests/bench/run has the names of the parts.
bench: deps-bench
	@$(MAKE) benches
	@tests/bench/run $(SOCKT) build/bench

lint: deps-lint
	@tests/tools/lint $(DEFS)

-include $(OBJS:.o=.d) $(wildcard $B/*.d $B/unit/*.d $B/fuzz/*.d $B/fault/*.d $B/peers/*.d build/bench/*.d)
