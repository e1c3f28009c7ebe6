# segments: a PostgreSQL extension, built with PGXS.
#
#   make, make install, make installcheck
#                 as for any extension, for the server that PG_CONFIG names
#   make check    builds and runs every test in a throw-away server of its own
#   make demo     builds a shop in such a server and segments its customers
#   make lint     a second compiler and a static analyser read the sources
#   make bench    measures it against what one would do by hand: bench/RESULTS.md
#
# The last four install what they need where it is missing, so they come
# before anything asks for pg_config.

DRIVERS = check demo lint bench

ifneq (,$(filter $(DRIVERS),$(MAKECMDGOALS)))

.PHONY: $(MAKECMDGOALS)

$(filter $(DRIVERS),$(MAKECMDGOALS)):
	@PG_CONFIG='$(PG_CONFIG)' SANITIZE='$(SANITIZE)' $(if $(filter bench,$@),bench/run.sh,test/$@.sh)

$(filter-out $(DRIVERS),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

else

EXTENSION    = segments
EXTVERSION   = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" segments.control)

MODULE_big   = segments
OBJS         = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))

SQL_PARTS    = $(sort $(wildcard sql/[0-9][0-9]-*.sql))
DATA         = $(wildcard sql/segments--*.sql)
DATA_built   = segments--$(EXTVERSION).sql

TESTS        = $(sort $(wildcard test/sql/*.sql))
REGRESS      = $(patsubst test/sql/%.sql,%,$(TESTS))
REGRESS_OPTS = --inputdir=test --load-extension=segments
ISOLATION    = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=segments

PG_CPPFLAGS  = -I$(srcdir)/src
PG_CFLAGS    = -Wall -Wextra -Wno-unused-parameter
EXTRA_CLEAN  = $(DATA_built) .built-for results output_iso tmp_check

# Warnings are errors where we test, not where somebody builds with a compiler
# that did not exist yet when this was written.
ifdef WERROR
PG_CFLAGS   += -Werror
endif

# SANITIZE=1: the address and undefined behaviour sanitizers of gcc. The server
# has to have libasan preloaded; test/cluster.sh does that.
ifdef SANITIZE
PG_CFLAGS   += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SHLIB_LINK  += -fsanitize=address,undefined
endif

PG_CONFIG   ?= pg_config
PGXS        := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq (,$(wildcard $(PGXS)))
$(error No server headers found through "$(PG_CONFIG)". Install the PostgreSQL server development package (Debian: postgresql-server-dev-15), or name its pg_config: make PG_CONFIG=/path/to/pg_config)
endif
include $(PGXS)

$(DATA_built): $(SQL_PARTS) segments.control
	cat $(SQL_PARTS) > $@

$(OBJS) $(OBJS:.o=.bc): $(wildcard $(srcdir)/src/*.h) .built-for

# Objects built for one server are not linked for another.
.PHONY: always
.built-for: always
	@{ $(PG_CONFIG) --version --configure; echo $(if $(SANITIZE),sanitized); } | \
	 { cat > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }

# How the compiler is called, for test/lint.sh.
.PHONY: print-flags
print-flags:
	@echo $(CPPFLAGS) $(CFLAGS)

# pg_regress would run sql/NAME.sql in place of test/sql/NAME.sql.
ifneq (,$(filter $(REGRESS),$(patsubst sql/%.sql,%,$(wildcard sql/*.sql))))
$(error a test in test/sql has the name of a script in sql/: rename one)
endif

endif
