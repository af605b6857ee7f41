/* SPDX-License-Identifier: MIT */
/*
 * The database of Debian's packages. The input is /etc/os-release, a package's list of files and the status of all
 * packages, each up to a byte 0.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/package.h"
#include "fuzz.h"

static char root[] = "/tmp/ctrace-fuzz-root-XXXXXX";
static const char *const folders[] = {"/etc", "/var", "/var/lib", "/var/lib/dpkg", "/var/lib/dpkg/info"};
static const char *const files[] = {"/etc/os-release", "/var/lib/dpkg/info/libx:amd64.list", "/var/lib/dpkg/status"};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *in_root(const char *path)
{
	static char whole[128];
	snprintf(whole, sizeof(whole), "%s%s", root, path);
	return whole;
}

static void remove_root(void)
{
	for (size_t i = 0; i < COUNT(files); i++)
		unlink(in_root(files[i]));
	for (size_t i = COUNT(folders); i-- > 0;)
		rmdir(in_root(folders[i]));
	rmdir(root);
}

static void make_root(void)
{
	if (!mkdtemp(root))
		abort();
	for (size_t i = 0; i < COUNT(folders); i++)
		if (mkdir(in_root(folders[i]), 0700))
			abort();
	atexit(remove_root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;
	static const char *const wanted[] = {"/usr/lib/libx.so", "/lib/libx.so", "/usr/", "/"};
	char command[CT_PACKAGE_ROOM];
	if (!made)
		make_root();
	made = true;
	for (size_t i = 0; i < COUNT(files); i++) {
		const uint8_t *end = i + 1 < COUNT(files) && size ? memchr(data, 0, size) : NULL;
		size_t length = end ? (size_t)(end - data) : size;
		FILE *file = fopen(in_root(files[i]), "w");
		if (!file || fwrite(data, 1, length, file) != length || fclose(file))
			abort();
		data += length + (end != NULL);
		size -= length + (end != NULL);
	}
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (ct_package_command(root, wanted[i], command) && strchr(command, '\n'))
			__builtin_trap();
	return 0;
}
