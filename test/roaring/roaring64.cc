/*
 * roaring64.cc
 *		The same as roaring.c for bitmaps of 64-bit keys, which only the library's C++
 *		interface has.
 *
 * Copyright (c) 2026, the segments authors
 */
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include <roaring/roaring64map.hh>

/* Later versions of the library have a namespace. */
namespace roaring {}
using namespace roaring;

static bool
print_member(uint64_t member, void *)
{
	std::printf("%" PRIu64 "\n", member);
	return true;
}

static int
print_bitmap(const char *name)
{
	std::ifstream file(name, std::ios::binary);
	std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
	Roaring64Map bitmap = Roaring64Map::readSafe(bytes.data(), bytes.size());

	if (bitmap.getSizeInBytes() != bytes.size())
		return 1;
	bitmap.iterate(print_member, nullptr);
	return 0;
}

static int
write_bitmap(const char *name, bool optimize)
{
	Roaring64Map bitmap;
	uint64_t member;

	while (std::cin >> member)
		bitmap.add(member);
	if (optimize)
		bitmap.runOptimize();
	std::string bytes(bitmap.getSizeInBytes(), '\0');
	bitmap.write(&bytes[0]);
	std::ofstream file(name, std::ios::binary);
	file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
	return file.good() ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		return 1;
	if (std::strcmp(argv[1], "print") == 0)
		return print_bitmap(argv[2]);
	return write_bitmap(argv[2], std::strcmp(argv[1], "optimize") == 0);
}
