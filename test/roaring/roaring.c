/*
 * roaring.c
 *		What a Roaring library makes of a file, for test/tap/roaring.t.
 *
 *		roaring print FILE		members of the portable bitmap in FILE, one a line
 *		roaring write FILE		FILE with the bitmap of the members given on stdin
 *		roaring optimize FILE	the same with containers of runs where they are shorter
 *
 * Copyright (c) 2026, the segments authors
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <roaring/roaring.h>

static void
fail(const char *message)
{
	fprintf(stderr, "roaring: %s\n", message);
	exit(1);
}

static char *
read_file(const char *name, size_t *size)
{
	FILE	   *file = fopen(name, "rb");
	char	   *bytes;
	long		end;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0)
		fail("cannot read the file");
	rewind(file);
	*size = (size_t) end;
	bytes = malloc(*size + 1);
	if (bytes == NULL || fread(bytes, 1, *size, file) != *size)
		fail("cannot read the file");
	fclose(file);
	return bytes;
}

static bool
print_member(uint32_t member, void *unused __attribute__((unused)))
{
	printf("%" PRIu32 "\n", member);
	return true;
}

static void
print_bitmap(const char *name)
{
	size_t		size;
	char	   *bytes = read_file(name, &size);
	roaring_bitmap_t *bitmap = roaring_bitmap_portable_deserialize_safe(bytes, size);

	if (bitmap == NULL)
		fail("the bitmap is invalid");
	if (roaring_bitmap_portable_size_in_bytes(bitmap) != size)
		fail("the bitmap has another size than the file");
	roaring_iterate(bitmap, print_member, NULL);
	roaring_bitmap_free(bitmap);
	free(bytes);
}

static void
write_bitmap(const char *name, bool optimize)
{
	roaring_bitmap_t *bitmap = roaring_bitmap_create();
	FILE	   *file = fopen(name, "wb");
	uint32_t	member;
	size_t		size;
	char	   *bytes;

	while (scanf("%" SCNu32, &member) == 1)
		roaring_bitmap_add(bitmap, member);
	if (optimize)
		roaring_bitmap_run_optimize(bitmap);
	size = roaring_bitmap_portable_size_in_bytes(bitmap);
	bytes = malloc(size);
	if (file == NULL || bytes == NULL ||
		roaring_bitmap_portable_serialize(bitmap, bytes) != size ||
		fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
		fail("cannot write the file");
	roaring_bitmap_free(bitmap);
	free(bytes);
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		fail("two arguments are needed");
	if (strcmp(argv[1], "print") == 0)
		print_bitmap(argv[2]);
	else
		write_bitmap(argv[2], strcmp(argv[1], "optimize") == 0);
	return 0;
}
