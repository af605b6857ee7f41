/* SPDX-License-Identifier: MIT */
/* TARGET FOLDER...: runs existing inputs as libFuzzer does, and nothing else. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static int replay(const char *folder, const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	static uint8_t room[1 << 20];
	size_t size = file ? fread(room, 1, sizeof(room), file) : 0;
	if (!file || ferror(file) || !feof(file)) {
		fprintf(stderr, "%s: cannot be read whole\n", path);
		return -1;
	}
	fclose(file);
	/* The buffer has exactly this size, so that reads beyond it are caught. */
	uint8_t *data = malloc(size);
	for (size_t i = 0; i < size; i++)
		data[i] = room[i];
	fprintf(stderr, "%s\n", path); /* the last path printed is the one that failed */
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	int count = 0;
	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		for (struct dirent *entry; folder && (entry = readdir(folder));)
			if (*entry->d_name != '.' && replay(argv[i], entry->d_name) == 0)
				count++;
		if (folder)
			closedir(folder);
	}
	printf("%d inputs\n", count);
	return count ? 0 : 1;
}
