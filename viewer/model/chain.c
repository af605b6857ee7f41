/* SPDX-License-Identifier: MIT */
#include "model/chain.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/threads.h"
#include "names/names.h"
#include "util/array.h"
#include "util/hash.h"

#define HASH_DIGITS 16
#define START_FRAMES_MAX 4

int ct_chains_init(struct ct_chains *chains, bool modules)
{
	*chains = (struct ct_chains){.profile = ct_profile_new(), .modules = modules};
	return chains->profile ? 0 : -1;
}

void ct_chains_fini(struct ct_chains *chains)
{
	ct_profile_free(chains->profile);
	free(chains->stack);
}

/*
 * Is this the program's own file? Valgrind's reports name the program only in the command, perhaps by a link, such as
 * python3 for python3.11.
 */
static bool is_program(const struct ct_profile *profile, const char *module)
{
	if (*profile->program)
		return !strcmp(module, profile->program);
	const char *base = ct_name_base(module), *word = profile->command;
	size_t length = strcspn(word, " ");
	for (size_t i = length; i > 0; i--) {
		if (word[i - 1] == '/') {
			word += i;
			length -= i;
			break;
		}
	}
	return length && !strncmp(base, word, length) && !base[length + strspn(base + length, "0123456789.")];
}

bool ct_chain_knows_modules(const struct ct_profile *profile)
{
	for (size_t i = 1; i < profile->frame_count; i++)
		if (profile->frames[i].file && !profile->frames[i].module)
			return false;
	return true;
}

/* Does a clone suffix of the compiler start here: ".part.0", ".cold"? */
static bool is_clone_mark(const char *text, size_t length)
{
	static const char *const words[] = {"part",     "cold", "constprop", "isra",
					    "lto_priv", "llvm", "clone",     "localalias"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t word = strlen(words[i]);
		if (length > word && *text == '.' && !strncmp(text + 1, words[i], word) &&
		    (length == word + 1 || text[word + 1] == '.'))
			return true;
	}
	return false;
}

/* The length without ".part.0" or "@@GLIBC_2.34". Only names of C, which consist of such characters alone, are cut. */
static size_t cut_symbol_marks(const char *name, size_t length)
{
	size_t cut = length;
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("_.@$", name[i]))
			return length;
		if (cut == length && i && (name[i] == '@' || is_clone_mark(name + i, length - i)))
			cut = i;
	}
	return cut;
}

/* The length without "::h0123456789abcdef". */
static size_t cut_rust_hash(const char *name, size_t length)
{
	if (length <= HASH_DIGITS + 3 || strncmp(name + length - HASH_DIGITS - 3, "::h", 3))
		return length;
	for (size_t i = length - HASH_DIGITS; i < length; i++)
		if (!isxdigit((unsigned char)name[i]))
			return length;
	return length - HASH_DIGITS - 3;
}

/* The length without ":12:34". */
static size_t cut_line_and_column(const char *name, size_t length)
{
	for (int i = 0; i < 2; i++) {
		size_t at = length;
		while (at && isdigit((unsigned char)name[at - 1]))
			at--;
		if (at == length || !at || name[at - 1] != ':')
			break;
		length = at - 1;
	}
	return length;
}

/* The name after "JS:*", "LazyCompile:~" and the like, or NULL. */
static const char *behind_tier(const char *name)
{
	static const char *const kinds[] = {"JS:", "LazyCompile:", "Function:", "Script:", "Eval:"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t length = strlen(kinds[i]);
		if (!strncmp(name, kinds[i], length))
			return name + length + strspn(name + length, "*~^+'");
	}
	return NULL;
}

const char *ct_chain_name(const char *name, size_t *length)
{
	const char *script = behind_tier(name);
	if (script && *script) {
		*length = cut_line_and_column(script, strlen(script));
		return *length ? script : name;
	}
	*length = cut_rust_hash(name, cut_symbol_marks(name, ct_name_without_clones(name, strlen(name))));
	return name;
}

/* The index after "operator" and its symbol. */
static size_t operator_end(const char *name, size_t at)
{
	at += strlen("operator");
	if (!strncmp(name + at, "()", 2))
		return at + 2;
	return at + strcspn(name + at, "(");
}

const char *ct_chain_plain_name(const char *name, size_t *length)
{
	/* A return type occurs only with parameters; other names with spaces are not C++. */
	bool has_parameters = strrchr(name, ')') != NULL;
	size_t depth = 0, start = 0, end = 0, at = 0;
	for (; name[at]; at++) {
		if (at == start && !strncmp(name + at, "operator", 8) && !isalnum((unsigned char)name[at + 8]) &&
		    name[at + 8] != '_') {
			end = operator_end(name, at);
			break;
		}
		if (!depth && name[at] == '(' && at > start)
			break;
		if (!depth && name[at] == '<' && at > start && !end)
			end = at;
		if (strchr("<({[", name[at]))
			depth++;
		else if (strchr(">)}]", name[at]) && depth)
			depth--;
		else if (!depth && ((has_parameters && name[at] == ' ') || (at && !strncmp(name + at - 1, "::", 2)))) {
			start = at + 1;
			end = 0;
		}
	}
	*length = (end ? end : at) - start;
	return name + start;
}

/* Is this one of the callers of main, of a thread's function or of the loader? */
static bool is_start(const struct ct_profile *profile, const struct ct_frame *frame)
{
	static const char *const names[] = {"_start",  "(below main)", "clone",        "clone3",
					    "__clone", "__clone3",     "start_thread", "_dl_start_user"};
	size_t length;
	const char *name = ct_chain_name(profile->strings[frame->function], &length);
	if (!length)
		return !strncmp(ct_name_base(profile->strings[frame->module]), "ld-linux", 8);
	if (!strncmp(name, "__libc_start_", 13))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && !strncmp(name, names[i], length))
			return true;
	return false;
}

int ct_chain_source_init(struct ct_chain_source *source, const struct ct_profile *profile, enum ct_origin_rule rule,
			 bool own)
{
	*source = (struct ct_chain_source){
		.profile = profile,
		.own = own,
		.starts = calloc(profile->frame_count, sizeof(*source->starts)),
		.keys = calloc(profile->frame_count, sizeof(*source->keys)),
	};
	for (size_t i = 1; i < profile->frame_count && !source->program; i++) {
		uint32_t module = profile->frames[i].module;
		if (module && is_program(profile, profile->strings[module]))
			source->program = module;
	}
	for (size_t i = 1; i < profile->frame_count && source->starts; i++)
		source->starts[i] = is_start(profile, &profile->frames[i]);
	int code = ct_origins_init(&source->origins, profile, rule);
	source->origins.split_threads = !profile->threads_folded;
	return code == 0 && source->starts && source->keys ? 0 : -1;
}

void ct_chain_source_fini(struct ct_chain_source *source)
{
	ct_origins_fini(&source->origins);
	free(source->starts);
	free(source->keys);
}

/* "libfoo.so.1.2" and "libfoo.so" get the same label, as do "_json.cpython-311.so" and "_json.cpython-312.so". */
static char *module_label(const char *path, char out[CT_NAME_ROOM])
{
	const char *base = ct_name_base(path);
	size_t length = *base == '[' ? strlen(base) : *base ? 1 + strcspn(base + 1, ".") : 0;
	snprintf(out, CT_NAME_ROOM, *base == '[' ? "%.*s" : "[%.*s]", (int)length, base);
	return length ? out : strcpy(out, "???");
}

/* The function's name, followed by the module where that counts. */
static char *key_text(const struct ct_chains *chains, const struct ct_chain_source *source,
		      const struct ct_frame *frame)
{
	const struct ct_profile *from = source->profile;
	bool own = frame->module && frame->module == source->program;
	char module[CT_NAME_ROOM] = "[program]", *text;
	size_t length;
	const char *name = ct_chain_name(from->strings[frame->function], &length);
	if (!own)
		module_label(from->strings[frame->module], module);
	if (!frame->function)
		return strdup(module);
	if (!chains->modules || own || !frame->module)
		return strndup(name, length);
	return asprintf(&text, "%.*s %s", (int)length, name, module) < 0 ? NULL : text;
}

static int64_t intern(struct ct_profile *profile, char *text, const char *start, size_t length)
{
	int64_t id = text ? ct_profile_string(profile, start, length) : -1;
	free(text);
	return id;
}

static int64_t plain_name(struct ct_profile *profile, const char *function)
{
	size_t length;
	const char *name = ct_chain_name(function, &length);
	char *kept = strndup(name, length);
	name = kept ? ct_chain_plain_name(kept, &length) : NULL;
	return intern(profile, kept, name, length);
}

static int64_t add_key(struct ct_chains *chains, const struct ct_chain_source *source, uint32_t frame_id)
{
	const struct ct_frame *frame = &source->profile->frames[frame_id];
	if (source->keys[frame_id])
		return source->keys[frame_id];
	char *text = key_text(chains, source, frame);
	int64_t whole = intern(chains->profile, text, text, text ? strlen(text) : 0), plain = whole, id = -1;
	if (frame->function)
		plain = plain_name(chains->profile, source->profile->strings[frame->function]);
	if (whole >= 0 && plain >= 0)
		id = ct_profile_frame(chains->profile,
				      &(struct ct_frame){.text = (uint32_t)whole, .function = (uint32_t)plain});
	if (id > 0)
		source->keys[frame_id] = (uint32_t)id;
	return id;
}

int64_t ct_chain_add(struct ct_chains *chains, const struct ct_chain_source *source, const struct ct_site_row *site)
{
	static const struct ct_counters nothing;
	const struct ct_profile *from = source->profile;
	const uint32_t *ids = from->frame_ids + site->first_frame;
	uint32_t own = ct_origin_own(from, &source->origins, site);
	uint32_t first = source->own ? own : ct_origin_leaf(from, &source->origins, site);
	uint32_t thread, tag, end = ct_labels_of_site(from, site, &thread, &tag), count = 0;
	/* Its callers go with it: _start often has no name. */
	for (uint32_t i = end; i > first + 1 && i + START_FRAMES_MAX > site->frame_count; i--)
		if (source->starts[ids[i - 1]])
			end = i - 1;
	if (!ct_array_room(&chains->stack, &chains->stack_room, site->frame_count - first, sizeof(*chains->stack)))
		return -1;
	chains->latest_own = 0;
	bool only_own = source->own && ct_origin_is_own(&source->origins, ids[first]);
	/* Unless threads are folded, the label of the thread stays in place of its callers. */
	uint32_t label = thread && !source->no_threads ? site->frame_count - 1 : site->frame_count;
	for (uint32_t i = first; i < site->frame_count; i++) {
		if ((i >= end && i != label) || (only_own && !ct_origin_is_own(&source->origins, ids[i])))
			continue;
		if (i == own)
			chains->latest_own = count;
		int64_t id = add_key(chains, source, ids[i]);
		if (id < 0)
			return -1;
		bool nameless = !from->frames[ids[i]].function;
		if (!nameless || !count || chains->stack[count - 1] != (uint32_t)id)
			chains->stack[count++] = (uint32_t)id;
	}
	if (ct_profile_site(chains->profile, chains->stack, count, &nothing, false))
		return -1;
	return (int64_t)chains->profile->latest_site;
}

const char *ct_chain_label(const struct ct_chains *chains, size_t chain, uint32_t index)
{
	const struct ct_profile *profile = chains->profile;
	return profile->strings[profile->frames[profile->frame_ids[profile->sites[chain].first_frame + index]].text];
}

uint64_t *ct_chain_numbers(const struct ct_profile *profile)
{
	struct ct_chain_source source = {0};
	struct ct_chains chains;
	uint64_t *numbers = calloc(profile->site_count + 1, sizeof(*numbers));
	bool memory = !ct_chains_init(&chains, true) && numbers &&
		      !ct_chain_source_init(&source, profile, CT_ORIGIN_RULE, false);
	source.no_threads = true;
	for (size_t i = 0; i < profile->site_count && memory; i++) {
		int64_t chain = ct_chain_add(&chains, &source, &profile->sites[i]);
		memory = chain >= 0;
		numbers[i] = CT_HASH_START;
		for (uint32_t at = 0; memory && at < chains.profile->sites[chain].frame_count; at++)
			numbers[i] = ct_hash_text(numbers[i], ct_chain_label(&chains, (size_t)chain, at));
		numbers[i] += !numbers[i];
	}
	ct_chain_source_fini(&source);
	ct_chains_fini(&chains);
	if (memory)
		return numbers;
	free(numbers);
	return NULL;
}
