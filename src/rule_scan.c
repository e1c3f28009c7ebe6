/*
 * rule_scan.c
 *		Cuts the text of a rule into tokens, each with its place in the text.
 *
 * The scanner never raises an error: what is no token becomes SEG_TOK_BAD with an
 * explanation, and the parser reports it when it gets there, so that the first thing
 * wrong in a rule is what is reported.
 *
 * Bytes with the high bit set belong to words, as in SQL.  In UTF-8 the characters
 * that word processors put in the place of ASCII ones are an exception: typographic
 * quotes, dashes, blanks and signs of comparison are told apart from letters, since a
 * rule that holds one never means it as a name.
 *
 * seg_token_is_word() must agree with scan_word(): the printer asks it whether a name
 * needs quotes.
 *
 * Copyright (c) 2026, the segments authors
 */
#include "postgres.h"

#include <ctype.h>

#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"
#include "utils/date.h"
#include "utils/datetime.h"

#include "rule_scan.h"
#include "rule_words.h"

typedef struct WordName
{
	const char *name;
	SegWord		word;
} WordName;

/* in the order of strcmp, for a binary search */
static const WordName words[] = {
	{"after", SEG_W_AFTER},
	{"ago", SEG_W_AGO},
	{"all", SEG_W_ALL},
	{"and", SEG_W_AND},
	{"anniversary", SEG_W_ANNIVERSARY},
	{"any", SEG_W_ANY},
	{"as", SEG_W_AS},
	{"before", SEG_W_BEFORE},
	{"between", SEG_W_BETWEEN},
	{"by", SEG_W_BY},
	{"contains", SEG_W_CONTAINS},
	{"distinct", SEG_W_DISTINCT},
	{"during", SEG_W_DURING},
	{"empty", SEG_W_EMPTY},
	{"end", SEG_W_END},
	{"ends", SEG_W_ENDS},
	{"every", SEG_W_EVERY},
	{"exists", SEG_W_EXISTS},
	{"false", SEG_W_FALSE},
	{"followed", SEG_W_FOLLOWED},
	{"for", SEG_W_FOR},
	{"from", SEG_W_FROM},
	{"has", SEG_W_HAS},
	{"ilike", SEG_W_ILIKE},
	{"in", SEG_W_IN},
	{"is", SEG_W_IS},
	{"joined", SEG_W_JOINED},
	{"last", SEG_W_LAST},
	{"left", SEG_W_LEFT},
	{"like", SEG_W_LIKE},
	{"matches", SEG_W_MATCHES},
	{"next", SEG_W_NEXT},
	{"no", SEG_W_NO},
	{"none", SEG_W_NONE_OF},
	{"not", SEG_W_NOT},
	{"now", SEG_W_NOW},
	{"null", SEG_W_NULL},
	{"of", SEG_W_OF},
	{"or", SEG_W_OR},
	{"satisfies", SEG_W_SATISFIES},
	{"segment", SEG_W_SEGMENT},
	{"select", SEG_W_SELECT},
	{"since", SEG_W_SINCE},
	{"start", SEG_W_START},
	{"starts", SEG_W_STARTS},
	{"tagged", SEG_W_TAGGED},
	{"this", SEG_W_THIS},
	{"today", SEG_W_TODAY},
	{"tomorrow", SEG_W_TOMORROW},
	{"true", SEG_W_TRUE},
	{"where", SEG_W_WHERE},
	{"with", SEG_W_WITH},
	{"within", SEG_W_WITHIN},
	{"yesterday", SEG_W_YESTERDAY},
};

/* Characters that look like ASCII ones but are not. */
typedef struct LookAlike
{
	const char *utf8;
	const char *hint;
} LookAlike;

#define QUOTE_HINT	"Write texts in straight single quotes: 'text'."
#define NAME_HINT	"Write texts in straight single quotes, 'text', and names bare or in straight double quotes."
#define DASH_HINT	"Write a minus as the plain hyphen: -."
#define BLANK_HINT	"Write a plain blank instead."

static const LookAlike look_alikes[] = {
	{"\xe2\x80\x98", QUOTE_HINT},	/* single quotes: left, right, low, reversed */
	{"\xe2\x80\x99", QUOTE_HINT},
	{"\xe2\x80\x9a", QUOTE_HINT},
	{"\xe2\x80\x9b", QUOTE_HINT},
	{"\xc2\xb4", QUOTE_HINT},	/* acute accent */
	{"\xe2\x80\xb9", QUOTE_HINT},	/* single angle quotes */
	{"\xe2\x80\xba", QUOTE_HINT},
	{"\xe2\x80\x9c", NAME_HINT},	/* double quotes: left, right, low */
	{"\xe2\x80\x9d", NAME_HINT},
	{"\xe2\x80\x9e", NAME_HINT},
	{"\xc2\xab", NAME_HINT},	/* angle quotes */
	{"\xc2\xbb", NAME_HINT},
	{"\xe2\x80\x90", DASH_HINT},	/* hyphen, en dash, em dash, minus */
	{"\xe2\x80\x93", DASH_HINT},
	{"\xe2\x80\x94", DASH_HINT},
	{"\xe2\x88\x92", DASH_HINT},
	{"\xc2\xa0", BLANK_HINT},	/* no-break space, and its narrow and zero-width kin */
	{"\xe2\x80\xaf", BLANK_HINT},
	{"\xe2\x80\x8b", BLANK_HINT},
	{"\xef\xbb\xbf", BLANK_HINT},
	{"\xe2\x89\xa4", "Write \"<=\"."},
	{"\xe2\x89\xa5", "Write \">=\"."},
	{"\xe2\x89\xa0", "Write \"!=\"."},
	{"\xc3\x97", "Write \"*\" to multiply."},
	{"\xc3\xb7", "Write \"/\" to divide."},
};

/* Operators of other languages, longest first. */
typedef struct Stranger
{
	const char *sign;
	const char *hint;
} Stranger;

static const Stranger strangers[] = {
	{"===", "Write \"=\" to compare."},
	{"!==", "Write \"!=\" or \"<>\" to compare."},
	{"==", "Write \"=\" to compare."},
	{"=>", "Write \">=\" for greater or equal."},
	{"=<", "Write \"<=\" for less or equal."},
	{"&&", "Write AND between conditions."},
	{"&", "Write AND between conditions."},
	{"||", "Write OR between conditions."},
	{"|", "Write OR between conditions."},
	{"!~", "Write NOT MATCHES for a regular expression."},
	{"~", "Write MATCHES for a regular expression."},
	{"!", "Write NOT before a condition."},
	{"::", "A rule has no casts; literals take the type of what they are compared with."},
	{":", "Write a moment as 2024-05-30T16:00."},
	{";", "A rule is one condition, without a semicolon."},
	{"%", "Write a percentage as a fraction, such as 0.9."},
	{"$", "A rule has no parameters; write the value itself."},
	{"?", "A rule has no parameters; write the value itself."},
	{"[", "Write lists in parentheses after IN or HAS ANY, and paths with dots."},
	{"`", "Write names bare or in double quotes, texts in single quotes."},
};

static inline bool
is_word_start(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || IS_HIGHBIT_SET(c);
}

static inline bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* The character at pos + offset, or NUL behind the end. */
static inline char
peek(const SegScanner *scanner, int offset)
{
	int			pos = scanner->pos + offset;

	return pos < scanner->len ? scanner->text[pos] : '\0';
}

static const LookAlike *
find_look_alike(const char *text, int len)
{
	if (GetDatabaseEncoding() != PG_UTF8 || len < 2 || !IS_HIGHBIT_SET(text[0]))
		return NULL;
	for (size_t i = 0; i < lengthof(look_alikes); i++)
	{
		int			n = strlen(look_alikes[i].utf8);

		if (n <= len && memcmp(text, look_alikes[i].utf8, n) == 0)
			return &look_alikes[i];
	}
	return NULL;
}

/* How many bytes from text on make one word; 0 if none starts here. */
static int
word_length(const char *text, int len)
{
	int			n = 0;

	if (len == 0 || !is_word_start(text[0]))
		return 0;
	while (n < len && (is_word_start(text[n]) || is_digit(text[n]) || text[n] == '$'))
	{
		if (find_look_alike(text + n, len - n))
			break;
		n += IS_HIGHBIT_SET(text[n]) ? Min(pg_mblen(text + n), len - n) : 1;
	}
	return n;
}

static SegWord
find_word(const char *text, int len)
{
	int			low = 0;
	int			high = lengthof(words) - 1;

	while (low <= high)
	{
		int			mid = (low + high) / 2;
		int			cmp = pg_strncasecmp(text, words[mid].name, len);

		if (cmp == 0 && words[mid].name[len] == '\0')
			return words[mid].word;
		if (cmp > 0)
			low = mid + 1;
		else
			high = mid - 1;		/* less, or a mere beginning of it */
	}
	return SEG_W_NONE;
}

bool
seg_token_is_word(const char *name, int len, SegWord *word)
{
	if (len == 0 || word_length(name, len) != len)
		return false;
	*word = find_word(name, len);
	return true;
}

bool
seg_word_is_reserved(SegWord word)
{
	switch (word)
	{
		case SEG_W_AND:
		case SEG_W_OR:
		case SEG_W_NOT:
		case SEG_W_TRUE:
		case SEG_W_FALSE:
		case SEG_W_NULL:
		case SEG_W_NOW:
		case SEG_W_TODAY:
		case SEG_W_YESTERDAY:
		case SEG_W_TOMORROW:
			return true;
		default:
			return false;
	}
}

/* Makes the token bad; it ends where the scanner stands. */
static void
spoil(SegToken *token, int sqlcode, const char *detail, const char *hint)
{
	token->kind = SEG_TOK_BAD;
	token->sqlcode = sqlcode;
	token->detail = detail;
	token->hint = hint;
}

static void
skip_blanks(SegScanner *scanner)
{
	while (scanner->pos < scanner->len)
	{
		if (is_blank(peek(scanner, 0)))
			scanner->pos++;
		else if (peek(scanner, 0) == '-' && peek(scanner, 1) == '-')
		{
			while (scanner->pos < scanner->len && peek(scanner, 0) != '\n')
				scanner->pos++;
		}
		else
			break;
	}
}

static void
scan_quoted(SegScanner *scanner, SegToken *token, char quote)
{
	token->kind = quote == '"' ? SEG_TOK_QUOTED : SEG_TOK_TEXT;
	scanner->pos++;
	for (;;)
	{
		if (scanner->pos >= scanner->len)
		{
			if (quote == '"')
				spoil(token, ERRCODE_SYNTAX_ERROR, "A name in double quotes is not closed.",
					  "Double a double quote that belongs to the name.");
			else
				spoil(token, ERRCODE_SYNTAX_ERROR, "A text in single quotes is not closed.",
					  "Double a single quote that belongs to the text: 'it''s'.");
			return;
		}
		if (peek(scanner, 0) == quote)
		{
			if (peek(scanner, 1) != quote)
				break;
			scanner->pos++;
		}
		scanner->pos++;
	}
	scanner->pos++;
	if (quote == '"' && scanner->pos - token->start == 2)
		spoil(token, ERRCODE_SYNTAX_ERROR, "A name in double quotes is empty.",
			  "Write texts in single quotes; the empty text is ''.");
}

/* Takes exactly n digits at pos + offset; false if there are fewer. */
static bool
read_digits(const SegScanner *scanner, int offset, int n, int *value)
{
	*value = 0;
	for (int i = 0; i < n; i++)
	{
		if (!is_digit(peek(scanner, offset + i)))
			return false;
		*value = *value * 10 + (peek(scanner, offset + i) - '0');
	}
	return true;
}

/* Puts everything that hangs on the token without a blank into it, for the message. */
static void
take_junk(SegScanner *scanner)
{
	while (is_word_start(peek(scanner, 0)) || is_digit(peek(scanner, 0)) ||
		   (peek(scanner, 0) != '\0' && strchr(":+-.$", peek(scanner, 0)) != NULL))
		scanner->pos += IS_HIGHBIT_SET(peek(scanner, 0)) ?
			Min(pg_mblen(scanner->text + scanner->pos), scanner->len - scanner->pos) : 1;
}

static void
spoil_moment(SegScanner *scanner, SegToken *token, int sqlcode, const char *detail)
{
	take_junk(scanner);
	spoil(token, sqlcode, detail,
		  "Write a moment as 2024-05-30T16:00, 2024-05-30T16:00:00Z or 2024-05-30T16:00+02:00.");
}

/*
 * The rest of a moment, from the T on.  With a zone the value is in UTC; it must stay in
 * the years 1 to 9999 there, because that is how it is printed.
 */
static void
scan_moment(SegScanner *scanner, SegToken *token, int date)
{
	int			hour,
				minute,
				second = 0,
				zone_hour,
				zone_minute = 0;
	int64		fraction = 0;
	int64		value;

	token->kind = SEG_TOK_MOMENT;
	scanner->pos++;
	if (!read_digits(scanner, 0, 2, &hour) || peek(scanner, 2) != ':' ||
		!read_digits(scanner, 3, 2, &minute))
	{
		spoil_moment(scanner, token, ERRCODE_INVALID_DATETIME_FORMAT, "The time of day is not written as hours and minutes.");
		return;
	}
	scanner->pos += 5;
	if (peek(scanner, 0) == ':' && read_digits(scanner, 1, 2, &second))
	{
		scanner->pos += 3;
		if (peek(scanner, 0) == '.' && is_digit(peek(scanner, 1)))
		{
			int			digits = 0;

			scanner->pos++;
			for (; is_digit(peek(scanner, 0)) && digits < 6; digits++, scanner->pos++)
				fraction = fraction * 10 + (peek(scanner, 0) - '0');
			for (; digits < 6; digits++)
				fraction *= 10;
		}
	}
	if (hour > 23 || minute > 59 || second > 59)
	{
		spoil_moment(scanner, token, ERRCODE_DATETIME_FIELD_OVERFLOW, "There is no such time of day.");
		return;
	}
	value = ((int64) date * 24 + hour) * 3600 + minute * 60 + second;
	value = value * USECS_PER_SEC + fraction;

	if (peek(scanner, 0) == 'Z' || peek(scanner, 0) == 'z')
	{
		token->zoned = true;
		scanner->pos++;
	}
	else if ((peek(scanner, 0) == '+' || peek(scanner, 0) == '-') && read_digits(scanner, 1, 2, &zone_hour))
	{
		int			sign = peek(scanner, 0) == '-' ? 1 : -1;

		scanner->pos += 3;
		if (peek(scanner, 0) == ':' && read_digits(scanner, 1, 2, &zone_minute))
			scanner->pos += 3;
		else if (read_digits(scanner, 0, 2, &zone_minute))
			scanner->pos += 2;
		if (zone_hour > 15 || zone_minute > 59)
		{
			spoil_moment(scanner, token, ERRCODE_DATETIME_FIELD_OVERFLOW, "There is no such offset from UTC.");
			return;
		}
		token->zoned = true;
		value += sign * (zone_hour * 60 + zone_minute) * USECS_PER_MINUTE;
		if (value < (int64) (date2j(1, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY ||
			value >= (int64) (date2j(10000, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY)
		{
			spoil_moment(scanner, token, ERRCODE_DATETIME_FIELD_OVERFLOW, "The moment is not within the years 1 to 9999 in UTC.");
			return;
		}
	}
	token->value = value;
	if (is_word_start(peek(scanner, 0)) || is_digit(peek(scanner, 0)) || peek(scanner, 0) == ':')
		spoil_moment(scanner, token, ERRCODE_INVALID_DATETIME_FORMAT, "This is not a moment.");
}

/*
 * Days, moments and months: four digits, a hyphen and a digit, with no blank between.
 * That is never read as a subtraction, whatever follows.
 */
static bool
scan_date(SegScanner *scanner, SegToken *token)
{
	int			year,
				month,
				day,
				month_digits = 1,
				day_digits = 0;

	if (!read_digits(scanner, 0, 4, &year) || peek(scanner, 4) != '-' || !is_digit(peek(scanner, 5)))
		return false;
	while (is_digit(peek(scanner, 5 + month_digits)))
		month_digits++;
	if (month_digits > 2)
		return false;
	read_digits(scanner, 5, month_digits, &month);
	scanner->pos += 5 + month_digits;
	if (peek(scanner, 0) == '-')
	{
		while (is_digit(peek(scanner, 1 + day_digits)))
			day_digits++;
	}

	if (day_digits == 0)
	{
		token->kind = SEG_TOK_MONTH;
		token->value = year * 12 + month - 1;
		if (month_digits != 2 || is_word_start(peek(scanner, 0)))
		{
			take_junk(scanner);
			spoil(token, ERRCODE_SYNTAX_ERROR, "This is neither a month nor a difference of numbers.",
				  "Write a month as 2020-05, or put spaces round a minus.");
		}
		return true;
	}

	token->kind = SEG_TOK_DAY;
	read_digits(scanner, 1, Min(day_digits, 2), &day);
	scanner->pos += 1 + day_digits;
	if (month_digits != 2 || day_digits != 2)
	{
		take_junk(scanner);
		spoil(token, ERRCODE_INVALID_DATETIME_FORMAT, "This is neither a day nor a difference of numbers.",
			  "Write a day as 2024-05-30, or put spaces round a minus.");
		return true;
	}
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > day_tab[isleap(year)][month - 1])
	{
		take_junk(scanner);
		spoil(token, ERRCODE_DATETIME_FIELD_OVERFLOW, "There is no such day in the calendar.", NULL);
		return true;
	}
	token->value = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	if (peek(scanner, 0) == 'T' || peek(scanner, 0) == 't')
		scan_moment(scanner, token, (int) token->value);
	else if (is_word_start(peek(scanner, 0)))
	{
		take_junk(scanner);
		spoil(token, ERRCODE_INVALID_DATETIME_FORMAT, "This is neither a day nor a moment.",
			  "Write a day as 2024-05-30, a moment as 2024-05-30T16:00.");
	}
	return true;
}

/* "30d": what may have been meant. */
static const char *
junk_hint(const char *number, int number_len, const char *junk, int junk_len)
{
	static const struct
	{
		const char *letters;
		const char *unit;
	}			abbreviations[] = {
		{"s", "seconds"}, {"sec", "seconds"}, {"secs", "seconds"}, {"min", "minutes"}, {"mins", "minutes"},
		{"h", "hours"}, {"hr", "hours"}, {"hrs", "hours"}, {"d", "days"}, {"w", "weeks"}, {"wk", "weeks"},
		{"mo", "months"}, {"mon", "months"}, {"mons", "months"}, {"q", "quarters"}, {"y", "years"},
		{"yr", "years"}, {"yrs", "years"},
	};

	if (junk_len == 1 && (junk[0] == 'm' || junk[0] == 'M'))
		return psprintf("Write \"%.*s months\" or \"%.*s minutes\".", number_len, number, number_len, number);
	for (size_t i = 0; i < lengthof(abbreviations); i++)
	{
		if ((int) strlen(abbreviations[i].letters) == junk_len &&
			pg_strncasecmp(abbreviations[i].letters, junk, junk_len) == 0)
			return psprintf("Write \"%.*s %s\".", number_len, number, abbreviations[i].unit);
	}
	if (seg_unit_lookup(junk, junk_len) >= 0)
		return psprintf("Write \"%.*s %.*s\".", number_len, number, junk_len, junk);
	return "Put a blank between a number and a word; quote a name that starts with a digit.";
}

static void
scan_number(SegScanner *scanner, SegToken *token)
{
	int			junk;

	token->kind = SEG_TOK_NUMBER;
	while (is_digit(peek(scanner, 0)))
		scanner->pos++;
	if (peek(scanner, 0) == '.' && is_digit(peek(scanner, 1)))
	{
		scanner->pos++;
		while (is_digit(peek(scanner, 0)))
			scanner->pos++;
	}
	if (peek(scanner, 0) == 'e' || peek(scanner, 0) == 'E')
	{
		int			sign = peek(scanner, 1) == '+' || peek(scanner, 1) == '-';

		if (is_digit(peek(scanner, 1 + sign)))
		{
			scanner->pos += 1 + sign;
			while (is_digit(peek(scanner, 0)))
				scanner->pos++;
		}
	}
	junk = word_length(scanner->text + scanner->pos, scanner->len - scanner->pos);
	if (junk > 0)
	{
		int			end = scanner->pos;

		scanner->pos += junk;
		spoil(token, ERRCODE_SYNTAX_ERROR, "Letters stand right behind a number.",
			  junk_hint(scanner->text + token->start, Min(end - token->start, 40), scanner->text + end, junk));
	}
}

/* Operators and brackets, and everything that is no token. */
static void
scan_sign(SegScanner *scanner, SegToken *token)
{
	static const char signs[] = "(),.+-*/=<>";
	static const SegTokenKind kinds[] = {
		SEG_TOK_OPEN, SEG_TOK_CLOSE, SEG_TOK_COMMA, SEG_TOK_DOT, SEG_TOK_PLUS, SEG_TOK_MINUS,
		SEG_TOK_STAR, SEG_TOK_SLASH, SEG_TOK_EQ, SEG_TOK_LT, SEG_TOK_GT
	};
	const char *at = scanner->text + scanner->pos;
	int			left = scanner->len - scanner->pos;
	const LookAlike *look_alike;

	if (left >= 2 && (at[0] == '<' || at[0] == '>' || at[0] == '!') &&
		(at[1] == '=' || (at[0] == '<' && at[1] == '>')) && !(at[0] == '!' && left >= 3 && at[2] == '='))
	{
		token->kind = at[0] == '!' || at[1] == '>' ? SEG_TOK_NE : at[0] == '<' ? SEG_TOK_LE : SEG_TOK_GE;
		scanner->pos += 2;
		return;
	}
	for (size_t i = 0; i < lengthof(strangers); i++)
	{
		int			n = strlen(strangers[i].sign);

		if (n <= left && memcmp(at, strangers[i].sign, n) == 0)
		{
			scanner->pos += n;
			spoil(token, ERRCODE_SYNTAX_ERROR, psprintf("The rule language has no \"%s\".", strangers[i].sign),
				  strangers[i].hint);
			return;
		}
	}
	if (at[0] == '/' && left >= 2 && at[1] == '*')
	{
		scanner->pos += 2;
		spoil(token, ERRCODE_SYNTAX_ERROR, "The rule language has no \"/*\".",
			  "Write a comment as \"-- comment\", to the end of the line.");
		return;
	}
	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		if (at[0] == signs[i])
		{
			token->kind = kinds[i];
			scanner->pos++;
			return;
		}
	}
	look_alike = find_look_alike(at, left);
	scanner->pos += Min(pg_mblen(at), left);
	spoil(token, ERRCODE_SYNTAX_ERROR, "The rule language has no such character.",
		  look_alike ? look_alike->hint : NULL);
}

void
seg_scanner_init(SegScanner *scanner, const char *text, int len)
{
	scanner->text = text;
	scanner->len = len;
	scanner->pos = 0;
}

void
seg_scanner_next(SegScanner *scanner, SegToken *token)
{
	char		c;
	int			n;

	skip_blanks(scanner);
	memset(token, 0, sizeof(SegToken));
	token->start = scanner->pos;
	c = peek(scanner, 0);
	if (scanner->pos >= scanner->len)
		token->kind = SEG_TOK_END;
	else if ((n = word_length(scanner->text + scanner->pos, scanner->len - scanner->pos)) > 0)
	{
		token->kind = SEG_TOK_WORD;
		token->word = find_word(scanner->text + scanner->pos, n);
		scanner->pos += n;
	}
	else if (c == '\'' || c == '"')
		scan_quoted(scanner, token, c);
	else if (is_digit(c) || (c == '.' && is_digit(peek(scanner, 1))))
	{
		if (!scan_date(scanner, token))
			scan_number(scanner, token);
	}
	else
		scan_sign(scanner, token);
	token->end = scanner->pos;
}

char *
seg_token_unquote(const SegScanner *scanner, const SegToken *token)
{
	char		quote = scanner->text[token->start];
	char	   *result = palloc(token->end - token->start);
	char	   *out = result;

	for (int i = token->start + 1; i < token->end - 1; i++)
	{
		*out++ = scanner->text[i];
		if (scanner->text[i] == quote)
			i++;
	}
	*out = '\0';
	return result;
}
