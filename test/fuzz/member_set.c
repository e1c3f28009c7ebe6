/*
 * member_set.c
 *		Damaged input for all that reads a member set.
 *
 *		member_set COUNT SEED
 *
 * Takes the binary form, the text and both Roaring forms of the sets in SAMPLES, damages
 * copies of them in COUNT ways, and sends them to the server as parameters in binary, to
 * each of the targets in turn.  The server must refuse each with an error that is meant
 * for it, or accept it and return a set that it takes back as it is: member_set_recv
 * checks everything that a set must be.
 *
 * Prints how many were accepted and refused.  Connects as libpq does by default.
 *
 * Copyright (c) 2026, the segments authors
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#define MAX_SAMPLES		64
#define MAX_BYTES		65536

#define SAMPLES \
	"WITH sample (s) AS (VALUES (segments.member_set '{}'), ('{7}'), ('{-1,5000}'), ('{1-3}')," \
	"	('{5-9,100-8000,8191-8195}'), ('{10-70000,300000-300002}')," \
	"	('{-9223372036854775808,9223372036854775807}')," \
	"	('{1,3,5,7,9,70001,70003,140000-140500,4294967295}')," \
	"	('{1,65536,131072,196608,262144-262150}'))," \
	" generated (s) AS (" \
	"	SELECT segments.member_set_agg(i * step) FROM generate_series(1::bigint, 1500) AS i," \
	"		(VALUES (1), (3), (5), (100)) AS n (step) GROUP BY step" \
	"	UNION ALL SELECT segments.member_set_agg(i * 2) FROM generate_series(0::bigint, 4500) AS i)," \
	" every (s) AS (SELECT s FROM sample UNION ALL SELECT s FROM generated) "

typedef struct Bytes
{
	int			length;
	unsigned char *data;
} Bytes;

typedef struct Target
{
	const char *name;
	const char *samples;		/* a query */
	const char *statement;		/* takes one, returns a member_set */
	const char *type;			/* of its parameter */
	const char *states;			/* the errors meant for it */
	Bytes		sample[MAX_SAMPLES];
	int			nsamples;
	long		accepted;
	long		refused;
} Target;

static Target targets[] = {
	{.name = "member_set_recv",
		.samples = SAMPLES "SELECT segments.member_set_send(s) FROM every",
		.statement = "SELECT $1::segments.member_set",
		.type = "segments.member_set",
		/* invalid representation, message too short, too large a value */
	.states = "22P03 08P01 54000"},
	{.name = "member_set_in",
		.samples = SAMPLES "SELECT s::text FROM every",
		.statement = "SELECT $1::text::segments.member_set",
		.type = "text",
		/* invalid text, number out of range, invalid encoding, too large a value */
	.states = "22P02 22003 22021 54000"},
	{.name = "from_roaring",
		.samples = SAMPLES "SELECT segments.to_roaring(s) FROM every WHERE s OPERATOR(segments.<@) '{0-4294967295}'",
		.statement = "SELECT segments.from_roaring($1)",
		.type = "bytea",
	.states = "22P03 54000"},
	{.name = "from_roaring64",
		.samples = SAMPLES "SELECT segments.to_roaring64(s) FROM every",
		.statement = "SELECT segments.from_roaring64($1)",
		.type = "bytea",
	.states = "22P03 54000"}
};

#define NTARGETS	((int) (sizeof(targets) / sizeof(targets[0])))

static PGconn *connection;
static uint64_t random_state;

/* splitmix64 */
static uint32_t
pick(uint32_t below)
{
	uint64_t	z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t) ((z ^ (z >> 31)) >> 32) % below;
}

static void
fail(const Target *target, const Bytes *bytes, const char *what)
{
	int			i;

	fprintf(stderr, "%s: %s: %s\n", target->name, what, PQerrorMessage(connection));
	for (i = 0; i < bytes->length; i++)
		fprintf(stderr, "%02x", bytes->data[i]);
	fprintf(stderr, "\n");
	exit(1);
}

static PGresult *
call(const Target *target, const Bytes *bytes)
{
	const char *value = (const char *) bytes->data;

	return PQexecPrepared(connection, target->name, 1, &value, &bytes->length,
						  (const int[]) {1}, 1);
}

static void
prepare(Target *target)
{
	Bytes		none = {0, NULL};
	char		query[200];
	PGresult   *result;
	Oid			type;
	int			i;

	snprintf(query, sizeof(query), "SELECT '%s'::regtype::oid", target->type);
	result = PQexec(connection, query);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail(target, &none, "no type");
	type = (Oid) strtoul(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	result = PQprepare(connection, target->name, target->statement, 1, &type);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(target, &none, "not prepared");
	PQclear(result);

	result = PQexecParams(connection, target->samples, 0, NULL, NULL, NULL, NULL, 1);
	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) > MAX_SAMPLES)
		fail(target, &none, "no samples");
	for (i = 0; i < PQntuples(result); i++)
	{
		Bytes	   *sample = &target->sample[target->nsamples++];

		sample->length = PQgetlength(result, i, 0);
		if (sample->length > MAX_BYTES / 2)
			fail(target, &none, "a sample is too large");
		sample->data = malloc(sample->length + 1);
		memcpy(sample->data, PQgetvalue(result, i, 0), sample->length);
	}
	PQclear(result);
}

/* Half of the damage is done near the beginning, where the structure is. */
static int
position(const Bytes *bytes, int width)
{
	int			last = bytes->length - width;

	if (last <= 0)
		return 0;
	if (pick(2) == 0 && last > 40)
		last = 40;
	return (int) pick((uint32_t) last + 1);
}

static void
damage(Bytes *bytes)
{
	static const unsigned char striking[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x3a, 0x3b};
	unsigned char *data = bytes->data;
	int			width = 1 + (int) pick(8);
	int			at = position(bytes, width);
	unsigned char keep;

	if (bytes->length < at + width && pick(2) == 0)
		return;
	switch (pick(9))
	{
		case 0:					/* cut off */
			bytes->length = at;
			return;
		case 1:					/* go on */
			for (; width > 0; width--)
				data[bytes->length++] = (unsigned char) pick(256);
			return;
		case 2:					/* leave out */
			if (bytes->length < at + width)
				return;
			memmove(data + at, data + at + width, bytes->length - at - width);
			bytes->length -= width;
			return;
		case 3:					/* repeat */
			if (bytes->length < at + width)
				return;
			memmove(data + at + width, data + at, bytes->length - at);
			bytes->length += width;
			return;
	}
	if (at >= bytes->length)
		return;
	switch (pick(5))
	{
		case 0:
			data[at] ^= (unsigned char) (1 << pick(8));
			break;
		case 1:
			data[at] = (unsigned char) pick(256);
			break;
		case 2:
			data[at] = striking[pick(sizeof(striking))];
			break;
		case 3:
			data[at] += pick(2) == 0 ? 1 : -1;
			break;
		case 4:					/* swap */
			keep = data[at];
			width = position(bytes, 1);
			data[at] = data[width];
			data[width] = keep;
			break;
	}
}

/*
 * Whether a text may hold a range that is valid but has so many chunks that reading it
 * takes seconds.  Ranges of more digits are too large and refused at once.
 */
static int
takes_long(const Target *target, const Bytes *bytes)
{
	int			digits = 0;
	int			most = 0;
	int			i;

	for (i = 0; i < bytes->length; i++)
	{
		digits = (bytes->data[i] >= '0' && bytes->data[i] <= '9') ? digits + 1 : 0;
		most = digits > most ? digits : most;
	}
	return strcmp(target->type, "text") == 0 && most >= 10 && most <= 12;
}

/* A set came back: it must be taken as it is. */
static void
check_accepted(Target *target, const Bytes *bytes, PGresult *result)
{
	Bytes		returned;
	PGresult   *again;

	target->accepted++;
	returned.length = PQgetlength(result, 0, 0);
	returned.data = (unsigned char *) PQgetvalue(result, 0, 0);
	again = call(&targets[0], &returned);
	if (PQresultStatus(again) != PGRES_TUPLES_OK ||
		PQgetlength(again, 0, 0) != returned.length ||
		memcmp(PQgetvalue(again, 0, 0), returned.data, returned.length) != 0)
		fail(target, bytes, "what was accepted is not a set");
	PQclear(again);
}

static void
attempt(Target *target)
{
	static unsigned char buffer[MAX_BYTES];
	const Bytes *sample = &target->sample[pick((uint32_t) target->nsamples)];
	Bytes		bytes = {sample->length, buffer};
	PGresult   *result;
	uint32_t	times;

	memcpy(buffer, sample->data, sample->length);
	for (times = 1 + pick(3); times > 0; times--)
		damage(&bytes);
	if (takes_long(target, &bytes))
		return;
	result = call(target, &bytes);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		check_accepted(target, &bytes, result);
	else
	{
		const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

		if (state == NULL || strstr(target->states, state) == NULL)
			fail(target, &bytes, "refused in an unforeseen way");
		target->refused++;
	}
	PQclear(result);
}

int
main(int argc, char **argv)
{
	long		count = argc > 1 ? atol(argv[1]) : 1000;
	long		n;
	int			i;

	random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	connection = PQconnectdb("");
	if (PQstatus(connection) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(connection));
		return 1;
	}
	for (i = 0; i < NTARGETS; i++)
		prepare(&targets[i]);
	for (n = 0; n < count; n++)
		attempt(&targets[n % NTARGETS]);
	for (i = 0; i < NTARGETS; i++)
		printf("%s: %ld accepted, %ld refused\n", targets[i].name,
			   targets[i].accepted, targets[i].refused);
	PQfinish(connection);
	return 0;
}
