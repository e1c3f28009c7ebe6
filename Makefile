# segments: a PostgreSQL extension, built with PGXS.

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

PG_CPPFLAGS  = -I$(srcdir)/src
PG_CFLAGS    = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
EXTRA_CLEAN  = segments--$(EXTVERSION).sql

PG_CONFIG   ?= pg_config
PGXS        := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

segments--$(EXTVERSION).sql: $(SQL_PARTS) segments.control
	cat $(SQL_PARTS) > $@

$(OBJS): $(wildcard $(srcdir)/src/*.h)

# pg_regress would run sql/NAME.sql in place of test/sql/NAME.sql.
ifneq (,$(filter $(REGRESS),$(patsubst sql/%.sql,%,$(wildcard sql/*.sql))))
$(error a test in test/sql has the name of a script in sql/: rename one)
endif
