/* SPDX-License-Identifier: MIT */
/*
 * Entries of the tables are packed one by one, as dictionaries that hold nothing else. By protobuf's rule for
 * concatenated messages they form one dictionary. Functions and locations keep their numbers, since pprof's begin with
 * 1 and the first entry of a table is empty here.
 */
#include "wire/otlp.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ctrace/version.h"
#include "util/memory_stream.h"
#include "util/utf8.h"
#include "wire/otlp.pb-c.h"
#include "write/pprof.pb-c.h"

#define PROFILE_ID_BYTES 16u
#define NATIVE 1 /* the attribute of each location */

struct writer {
	const struct ct_wire *wire;
	const Pprof__Profile *from;
	FILE *dictionary;
	struct ct_profile *strings; /* its strings are the table */
	int32_t *mapping_of; /* by pprof's id: index in the table, 0 = not written */
	int32_t mapping_count, attribute_count;
	bool no_memory;
};

/* Pack a message and append it to a stream. */
static void put(struct writer *writer, FILE *out, const ProtobufCMessage *message)
{
	size_t length = protobuf_c_message_get_packed_size(message);
	uint8_t *packed = malloc(length + 1);
	if (packed)
		fwrite(packed, 1, protobuf_c_message_pack(message, packed), out);
	writer->no_memory |= !packed;
	free(packed);
}

static void put_entry(struct writer *writer, const Otlp__Dictionary *entry)
{
	put(writer, writer->dictionary, &entry->base);
}

/* The index of a text in the table. */
static int32_t string_of(struct writer *writer, const char *text)
{
	int64_t index = ct_profile_string(writer->strings, text, strlen(text));
	writer->no_memory |= index < 0;
	return index < 0 ? 0 : (int32_t)index;
}

/* The index of one of pprof's texts. */
static int32_t moved(struct writer *writer, int64_t index)
{
	return string_of(writer, writer->from->string_table[index]);
}

static int32_t put_attribute(struct writer *writer, const char *key, const char *value)
{
	Otlp__AnyValue any = OTLP__ANY_VALUE__INIT;
	Otlp__Attribute attribute = OTLP__ATTRIBUTE__INIT, *attributes[] = {&attribute};
	Otlp__Dictionary entry = OTLP__DICTIONARY__INIT;
	any.value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	any.string_value = (char *)value;
	attribute.key = string_of(writer, key);
	attribute.value = &any;
	entry.n_attribute_table = 1;
	entry.attribute_table = attributes;
	put_entry(writer, &entry);
	return ++writer->attribute_count;
}

/* Write the first entries, and the attribute of all locations. */
static void put_empty_entries(struct writer *writer)
{
	Otlp__Mapping mapping = OTLP__MAPPING__INIT, *mappings[] = {&mapping};
	Otlp__Location location = OTLP__LOCATION__INIT, *locations[] = {&location};
	Otlp__Function function = OTLP__FUNCTION__INIT, *functions[] = {&function};
	Otlp__Link link = OTLP__LINK__INIT, *links[] = {&link};
	Otlp__Attribute attribute = OTLP__ATTRIBUTE__INIT, *attributes[] = {&attribute};
	Otlp__Stack stack = OTLP__STACK__INIT, *stacks[] = {&stack};
	Otlp__Dictionary entry = OTLP__DICTIONARY__INIT;
	entry.n_mapping_table = entry.n_location_table = entry.n_function_table = entry.n_link_table = 1;
	entry.n_attribute_table = entry.n_stack_table = 1;
	entry.mapping_table = mappings;
	entry.location_table = locations;
	entry.function_table = functions;
	entry.link_table = links;
	entry.attribute_table = attributes;
	entry.stack_table = stacks;
	put_entry(writer, &entry);
	put_attribute(writer, "profile.frame.type", "native");
}

static void put_functions(struct writer *writer)
{
	for (size_t i = 0; i < writer->from->n_function; i++) {
		const Pprof__Function *from = writer->from->function[i];
		Otlp__Function function = OTLP__FUNCTION__INIT, *functions[] = {&function};
		Otlp__Dictionary entry = OTLP__DICTIONARY__INIT;
		function.name = moved(writer, from->name);
		function.system_name = moved(writer, from->system_name);
		function.filename = moved(writer, from->filename);
		entry.n_function_table = 1;
		entry.function_table = functions;
		put_entry(writer, &entry);
	}
}

/* Only mappings that a location is in are written. */
static int32_t mapping_of(struct writer *writer, uint64_t id)
{
	if (!id || writer->mapping_of[id])
		return id ? writer->mapping_of[id] : 0;
	const Pprof__Mapping *from = writer->from->mapping[id - 1];
	const char *build_id = writer->from->string_table[from->build_id];
	Otlp__Mapping mapping = OTLP__MAPPING__INIT, *mappings[] = {&mapping};
	Otlp__Dictionary entry = OTLP__DICTIONARY__INIT;
	int32_t attribute = *build_id ? put_attribute(writer, "process.executable.build_id.gnu", build_id) : 0;
	mapping.memory_start = from->memory_start;
	mapping.memory_limit = from->memory_limit;
	mapping.file_offset = from->file_offset;
	mapping.filename = moved(writer, from->filename);
	mapping.n_attribute_indices = attribute ? 1 : 0;
	mapping.attribute_indices = &attribute;
	entry.n_mapping_table = 1;
	entry.mapping_table = mappings;
	put_entry(writer, &entry);
	return writer->mapping_of[id] = ++writer->mapping_count;
}

static void put_location(struct writer *writer, const Pprof__Location *from)
{
	int32_t attribute = NATIVE;
	Otlp__Line *lines = calloc(from->n_line + 1, sizeof(*lines));
	Otlp__Line **pointers = calloc(from->n_line + 1, sizeof(*pointers));
	Otlp__Location location = OTLP__LOCATION__INIT, *locations[] = {&location};
	Otlp__Dictionary entry = OTLP__DICTIONARY__INIT;
	writer->no_memory |= !lines || !pointers;
	for (size_t i = 0; i < from->n_line && !writer->no_memory; i++) {
		otlp__line__init(&lines[i]);
		lines[i].function_index = (int32_t)from->line[i]->function_id;
		lines[i].line = from->line[i]->line;
		pointers[i] = &lines[i];
	}
	location.mapping_index = mapping_of(writer, from->mapping_id);
	location.address = from->address;
	location.n_lines = writer->no_memory ? 0 : from->n_line;
	location.lines = pointers;
	location.n_attribute_indices = 1;
	location.attribute_indices = &attribute;
	entry.n_location_table = 1;
	entry.location_table = locations;
	put_entry(writer, &entry);
	free(lines);
	free(pointers);
}

/* A stack for each sample; the profiles refer to it by the sample's place. */
static void put_stacks(struct writer *writer)
{
	for (size_t i = 0; i < writer->from->n_sample && !writer->no_memory; i++) {
		const Pprof__Sample *from = writer->from->sample[i];
		int32_t *locations = calloc(from->n_location_id + 1, sizeof(*locations));
		Otlp__Stack stack = OTLP__STACK__INIT, *stacks[] = {&stack};
		Otlp__Dictionary entry = OTLP__DICTIONARY__INIT;
		writer->no_memory |= !locations;
		for (size_t at = 0; at < from->n_location_id && locations; at++)
			locations[at] = (int32_t)from->location_id[at];
		stack.n_location_indices = locations ? from->n_location_id : 0;
		stack.location_indices = locations;
		entry.n_stack_table = 1;
		entry.stack_table = stacks;
		put_entry(writer, &entry);
		free(locations);
	}
}

/* The table of strings, which must be complete. */
static void put_strings(struct writer *writer)
{
	for (size_t i = 0; i < writer->strings->string_count; i++) {
		char *table[] = {(char *)writer->strings->strings[i]};
		Otlp__Dictionary entry = OTLP__DICTIONARY__INIT;
		entry.n_string_table = 1;
		entry.string_table = table;
		put_entry(writer, &entry);
	}
}

static bool is_allocated(const char *type)
{
	return !strncmp(type, "alloc_", strlen("alloc_"));
}

/* Write the profile of a sample type. What is live has no duration. */
static void put_profile(struct writer *writer, size_t type, FILE *out)
{
	const Pprof__Profile *from = writer->from;
	const char *name = from->string_table[from->sample_type[type]->type];
	Otlp__ValueType value_type = OTLP__VALUE_TYPE__INIT, period_type = OTLP__VALUE_TYPE__INIT;
	Otlp__Profile profile = OTLP__PROFILE__INIT;
	uint8_t id[PROFILE_ID_BYTES];
	value_type.type = string_of(writer, name);
	value_type.unit = moved(writer, from->sample_type[type]->unit);
	period_type.type = moved(writer, from->period_type->type);
	period_type.unit = moved(writer, from->period_type->unit);
	profile.sample_type = &value_type;
	profile.time_unix_nano = writer->wire->time_ns;
	profile.duration_nano = is_allocated(name) ? writer->wire->duration_ns : 0;
	profile.period_type = &period_type;
	profile.period = from->period;
	if (getrandom(id, sizeof(id), 0) == sizeof(id)) {
		profile.profile_id.data = id;
		profile.profile_id.len = sizeof(id);
	}
	put(writer, out, &profile.base);
	for (size_t i = 0; i < from->n_sample; i++) {
		Otlp__Sample sample = OTLP__SAMPLE__INIT, *samples[] = {&sample};
		Otlp__Profile piece = OTLP__PROFILE__INIT;
		if (!from->sample[i]->value[type])
			continue;
		sample.stack_index = (int32_t)i + 1;
		sample.n_values = 1;
		sample.values = &from->sample[i]->value[type];
		piece.n_samples = 1;
		piece.samples = samples;
		put(writer, out, &piece.base);
	}
}

static bool is_number(const char *text)
{
	return *text && strlen(text) < 19 && !text[strspn(text, "0123456789")];
}

/* Write the resource, and the profiles that were packed into `scope`. */
static void put_resource(struct writer *writer, const struct ct_otlp_attribute *attributes, size_t count,
			 ProtobufCBinaryData scope, FILE *out)
{
	Otlp__KeyValue *rows = calloc(count + 1, sizeof(*rows)), **pointers = calloc(count + 1, sizeof(*pointers));
	Otlp__AnyValue *values = calloc(count + 1, sizeof(*values));
	Otlp__Resource resource = OTLP__RESOURCE__INIT;
	Otlp__ResourceProfiles profiles = OTLP__RESOURCE_PROFILES__INIT;
	writer->no_memory |= !rows || !pointers || !values;
	for (size_t i = 0; i < count && !writer->no_memory; i++) {
		bool number = !strcmp(attributes[i].name, "process.pid") && is_number(attributes[i].value);
		otlp__key_value__init(&rows[i]);
		otlp__any_value__init(&values[i]);
		values[i].value_case = number ? OTLP__ANY_VALUE__VALUE_INT_VALUE : OTLP__ANY_VALUE__VALUE_STRING_VALUE;
		if (number)
			values[i].int_value = strtoll(attributes[i].value, NULL, 10);
		else
			values[i].string_value = (char *)attributes[i].value;
		rows[i].key = (char *)attributes[i].name;
		rows[i].value = &values[i];
		pointers[i] = &rows[i];
	}
	resource.n_attributes = writer->no_memory ? 0 : count;
	resource.attributes = pointers;
	profiles.resource = &resource;
	profiles.n_scope_profiles = 1;
	profiles.scope_profiles = &scope;
	put(writer, out, &profiles.base);
	free(rows);
	free(pointers);
	free(values);
}

/* Pack the profiles of all sample types as one scope. */
static void put_scope(struct writer *writer, FILE *out)
{
	Otlp__Scope scope = OTLP__SCOPE__INIT;
	Otlp__ScopeProfiles head = OTLP__SCOPE_PROFILES__INIT;
	scope.name = "ctrace";
	scope.version = CTRACE_VERSION;
	head.scope = &scope;
	put(writer, out, &head.base);
	for (size_t i = 0; i < writer->from->n_sample_type; i++) {
		Otlp__ScopeProfiles piece = OTLP__SCOPE_PROFILES__INIT;
		ProtobufCBinaryData packed = {0};
		FILE *profile = open_memstream((char **)&packed.data, &packed.len);
		if (profile)
			put_profile(writer, i, profile);
		if (!ct_memory_close(profile, (char **)&packed.data))
			writer->no_memory = true;
		piece.n_profiles = 1;
		piece.profiles = &packed;
		if (!writer->no_memory)
			put(writer, out, &piece.base);
		free(packed.data);
	}
}

static void put_all(struct writer *writer, const struct ct_otlp_attribute *attributes, size_t count, FILE *out)
{
	ProtobufCBinaryData scope = {0}, resource = {0}, dictionary = {0};
	Otlp__Request request = OTLP__REQUEST__INIT;
	writer->dictionary = open_memstream((char **)&dictionary.data, &dictionary.len);
	FILE *scope_out = open_memstream((char **)&scope.data, &scope.len);
	FILE *resource_out = open_memstream((char **)&resource.data, &resource.len);
	writer->no_memory |= !writer->dictionary || !scope_out || !resource_out;
	if (!writer->no_memory) {
		put_empty_entries(writer);
		put_functions(writer);
		for (size_t i = 0; i < writer->from->n_location && !writer->no_memory; i++)
			put_location(writer, writer->from->location[i]);
		put_stacks(writer);
		put_scope(writer, scope_out);
	}
	if (!ct_memory_close(scope_out, (char **)&scope.data))
		writer->no_memory = true;
	if (!writer->no_memory) {
		put_resource(writer, attributes, count, scope, resource_out);
		put_strings(writer);
	}
	if (!ct_memory_close(resource_out, (char **)&resource.data))
		writer->no_memory = true;
	if (!ct_memory_close(writer->dictionary, (char **)&dictionary.data))
		writer->no_memory = true;
	request.n_resource_profiles = 1;
	request.resource_profiles = &resource;
	request.dictionary = dictionary;
	if (!writer->no_memory)
		put(writer, out, &request.base);
	free(scope.data);
	free(resource.data);
	free(dictionary.data);
}

int ct_otlp_write(const struct ct_wire *wire, const struct ct_wire_message *pprof,
		  const struct ct_otlp_attribute *attributes, size_t count, char **data, size_t *length,
		  struct ct_error_text *error)
{
	Pprof__Profile *from = pprof__profile__unpack(NULL, pprof->length, (const uint8_t *)pprof->data);
	struct writer writer = {.wire = wire, .from = from, .strings = ct_profile_new()};
	*data = NULL;
	FILE *out = open_memstream(data, length);
	if (from)
		writer.mapping_of = calloc(from->n_mapping + 1, sizeof(*writer.mapping_of));
	writer.no_memory = !out || !writer.strings || !writer.mapping_of;
	if (!writer.no_memory)
		put_all(&writer, attributes, count, out);
	bool good = ct_memory_close(out, data) && !writer.no_memory;
	if (!good) {
		free(*data);
		*data = NULL;
	}
	if (from)
		pprof__profile__free_unpacked(from, NULL);
	ct_profile_free(writer.strings);
	free(writer.mapping_of);
	return good ? CT_OK : ct_error_no_memory(error);
}

bool ct_otlp_accepts(const char *answer, size_t length, struct ct_error_text *why)
{
	Otlp__Response *response = otlp__response__unpack(NULL, length, (const uint8_t *)answer);
	const Otlp__PartialSuccess *partial = response ? response->partial_success : NULL;
	int64_t rejected = partial ? partial->rejected_profiles : 0;
	if (rejected > 0) {
		char *text = ct_utf8_clean(partial->error_message, strlen(partial->error_message), NULL);
		ct_error_set(why, CT_ERR_IO, "the server has rejected %" PRId64 " profiles%s%s", rejected,
			     text && *text ? ": " : "", text ? text : "");
		free(text);
	}
	if (response)
		otlp__response__free_unpacked(response, NULL);
	return rejected <= 0;
}
