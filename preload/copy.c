/* SPDX-License-Identifier: MIT */
/*
 * libctrace-copy.so: memcpy, strcpy and their kin, preloaded behind libctrace.so by `ctrace record --copy`. Each
 * reports its caller and the number of bytes to libctrace.so, if that library has asked for it, and makes the copy with
 * the C library's memmove. Alone it does nothing else.
 *
 * The loader may call these functions by the names of other objects before it has relocated this one. Then nothing that
 * comes from outside can be used, and loops do the work. So the compiler must not turn these loops into calls
 * (KEEP_LOOP).
 */
#include "copy.h"

#include <string.h>
#include <wchar.h>

#include "sys/compiler.h"
#include "sys/loader.h"

/* musl does not have it. */
__attribute__((weak, noreturn)) void __chk_fail(void);

/* glibc has these under two names; its headers have none of the second ones. */
void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t room);
void *__memmove_chk(void *to, const void *from, size_t bytes, size_t room);
void *__mempcpy(void *to, const void *from, size_t bytes);
void *__mempcpy_chk(void *to, const void *from, size_t bytes, size_t room);
char *__strcpy_chk(char *to, const char *from, size_t room);
char *__stpcpy(char *to, const char *from);
char *__stpcpy_chk(char *to, const char *from, size_t room);
char *__strncpy_chk(char *to, const char *from, size_t count, size_t room);
char *__stpncpy(char *to, const char *from, size_t count);
char *__stpncpy_chk(char *to, const char *from, size_t count, size_t room);
char *__strcat_chk(char *to, const char *from, size_t room);
char *__strncat_chk(char *to, const char *from, size_t count, size_t room);
char *__strdup(const char *from);
char *__strndup(const char *from, size_t count);
wchar_t *__wmemcpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *__wmemmove_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *__wmempcpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *wmempcpy(wchar_t *to, const wchar_t *from, size_t count); /* musl does not have it either */
wchar_t *__wcscpy_chk(wchar_t *to, const wchar_t *from, size_t room);
wchar_t *__wcpcpy_chk(wchar_t *to, const wchar_t *from, size_t room);
wchar_t *__wcsncpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *__wcpncpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *__wcscat_chk(wchar_t *to, const wchar_t *from, size_t room);
wchar_t *__wcsncat_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);

/* Found when the library is initialized, or when a recording begins, whatever comes first. NULL: not yet. */
static struct {
	void *(*memmove)(void *to, const void *from, size_t bytes);
	char *(*strdup)(const char *text);
	char *(*strndup)(const char *text, size_t bytes);
	wchar_t *(*wcsdup)(const wchar_t *text);
} real;

static ct_copy_recorder *recorder;

static CT_COLD __attribute__((constructor)) void resolve(void)
{
	real.strdup = dlsym(RTLD_NEXT, "strdup");
	real.strndup = dlsym(RTLD_NEXT, "strndup");
	real.wcsdup = dlsym(RTLD_NEXT, "wcsdup");
	ct_set_release(&real.memmove, dlsym(RTLD_NEXT, "memmove"));
}

CT_EXPORT void ctrace_copy_begin(ct_copy_recorder *wanted)
{
	resolve();
	ct_set_release(&recorder, wanted);
}

#define KEEP_LOOP() __asm__ volatile("" : : : "memory")

/* Into the exported function, whose caller is meant. */
#define INLINE static inline __attribute__((always_inline))

/* Before the copy, which may fault: its handler need not return. */
INLINE void report(size_t bytes)
{
	ct_copy_recorder *record = ct_get_acquire(&recorder);
	if (record)
		record(bytes, (uintptr_t)__builtin_return_address(0),
		       (uintptr_t)__builtin_frame_address(0) + 2 * sizeof(uintptr_t),
		       *(const uintptr_t *)__builtin_frame_address(0));
}

static inline bool is_early(void)
{
	return ct_unlikely(ct_get_acquire(&real.memmove) == NULL);
}

static CT_COLD void move_early(char *to, const char *from, size_t bytes)
{
	if (to <= from) {
		for (size_t i = 0; i < bytes; i++) {
			to[i] = from[i];
			KEEP_LOOP();
		}
		return;
	}
	while (bytes--) {
		to[bytes] = from[bytes];
		KEEP_LOOP();
	}
}

/* Old programs rely on a memcpy that copies overlapping bytes as memmove does. Returns the end of the copy. */
INLINE void *move(void *to, const void *from, size_t bytes)
{
	report(bytes);
	if (is_early())
		move_early(to, from, bytes);
	else
		real.memmove(to, from, bytes);
	return (char *)to + bytes;
}

static size_t length_within(const char *text, size_t room)
{
	size_t length = 0;
	if (!is_early())
		return strnlen(text, room);
	while (length < room && text[length]) {
		length++;
		KEEP_LOOP();
	}
	return length;
}

static size_t length_of(const char *text)
{
	return is_early() ? length_within(text, SIZE_MAX) : strlen(text);
}

static size_t wide_within(const wchar_t *text, size_t room)
{
	size_t length = 0;
	while (length < room && text[length]) {
		length++;
		KEEP_LOOP();
	}
	return length;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The __NAME_chk of programs built with _FORTIFY_SOURCE get the room at the target, in characters. */
#define ANY SIZE_MAX

static inline void check(size_t needed, size_t room)
{
	if (ct_likely(needed <= room))
		return;
	if (__chk_fail)
		__chk_fail();
	__builtin_trap();
}

INLINE void *move_checked(void *to, const void *from, size_t bytes, size_t room)
{
	check(bytes, room);
	return move(to, from, bytes);
}

/* With its NUL. Returns where that is. */
INLINE char *copy_text(char *to, const char *from, size_t room)
{
	return (char *)move_checked(to, from, length_of(from) + 1, room) - 1;
}

/* strncpy fills the rest with NULs. Returns where the first one is, or would be. */
INLINE char *copy_filled(char *to, const char *from, size_t count, size_t room)
{
	check(count, room);
	size_t length = length_within(from, count);
	move(to, from, smaller(length + 1, count));
	for (size_t i = length + 1; i < count; i++) {
		to[i] = 0;
		KEEP_LOOP();
	}
	return to + length;
}

/* strncat reads `count` characters at most, and always ends with a NUL. */
INLINE char *append(char *to, const char *from, size_t count, size_t room)
{
	size_t before = length_of(to), length = length_within(from, count);
	check(before + length + 1, room);
	move(to + before, from, length + (length < count));
	to[before + length] = 0;
	return to;
}

INLINE wchar_t *move_wide(wchar_t *to, const wchar_t *from, size_t count, size_t room)
{
	return move_checked(to, from, count * sizeof(wchar_t),
			    room > ANY / sizeof(wchar_t) ? ANY : room * sizeof(wchar_t));
}

INLINE wchar_t *copy_wide(wchar_t *to, const wchar_t *from, size_t room)
{
	return move_wide(to, from, wide_within(from, ANY) + 1, room) - 1;
}

INLINE wchar_t *fill_wide(wchar_t *to, const wchar_t *from, size_t count, size_t room)
{
	check(count, room);
	size_t length = wide_within(from, count);
	move_wide(to, from, smaller(length + 1, count), ANY);
	for (size_t i = length + 1; i < count; i++) {
		to[i] = 0;
		KEEP_LOOP();
	}
	return to + length;
}

INLINE wchar_t *append_wide(wchar_t *to, const wchar_t *from, size_t count, size_t room)
{
	size_t before = wide_within(to, ANY), length = wide_within(from, count);
	check(before + length + 1, room);
	move_wide(to + before, from, length + (length < count), ANY);
	to[before + length] = 0;
	return to;
}

CT_EXPORT void *memcpy(void *to, const void *from, size_t bytes)
{
	move(to, from, bytes);
	return to;
}

CT_EXPORT void *memmove(void *to, const void *from, size_t bytes)
{
	move(to, from, bytes);
	return to;
}

CT_EXPORT void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t room)
{
	move_checked(to, from, bytes, room);
	return to;
}

CT_EXPORT void *__memmove_chk(void *to, const void *from, size_t bytes, size_t room)
{
	move_checked(to, from, bytes, room);
	return to;
}

CT_EXPORT void *mempcpy(void *to, const void *from, size_t bytes)
{
	return move(to, from, bytes);
}

CT_EXPORT void *__mempcpy(void *to, const void *from, size_t bytes)
{
	return move(to, from, bytes);
}

CT_EXPORT void *__mempcpy_chk(void *to, const void *from, size_t bytes, size_t room)
{
	return move_checked(to, from, bytes, room);
}

CT_EXPORT void bcopy(const void *from, void *to, size_t bytes)
{
	move(to, from, bytes);
}

CT_EXPORT void *memccpy(void *to, const void *from, int last, size_t bytes)
{
	size_t before = 0;
	while (before < bytes && ((const unsigned char *)from)[before] != (unsigned char)last)
		before++;
	void *end = move(to, from, smaller(before + 1, bytes));
	return before < bytes ? end : NULL;
}

CT_EXPORT char *strcpy(char *to, const char *from)
{
	copy_text(to, from, ANY);
	return to;
}

CT_EXPORT char *__strcpy_chk(char *to, const char *from, size_t room)
{
	copy_text(to, from, room);
	return to;
}

CT_EXPORT char *stpcpy(char *to, const char *from)
{
	return copy_text(to, from, ANY);
}

CT_EXPORT char *__stpcpy(char *to, const char *from)
{
	return copy_text(to, from, ANY);
}

CT_EXPORT char *__stpcpy_chk(char *to, const char *from, size_t room)
{
	return copy_text(to, from, room);
}

CT_EXPORT char *strncpy(char *to, const char *from, size_t count)
{
	copy_filled(to, from, count, ANY);
	return to;
}

CT_EXPORT char *__strncpy_chk(char *to, const char *from, size_t count, size_t room)
{
	copy_filled(to, from, count, room);
	return to;
}

CT_EXPORT char *stpncpy(char *to, const char *from, size_t count)
{
	return copy_filled(to, from, count, ANY);
}

CT_EXPORT char *__stpncpy(char *to, const char *from, size_t count)
{
	return copy_filled(to, from, count, ANY);
}

CT_EXPORT char *__stpncpy_chk(char *to, const char *from, size_t count, size_t room)
{
	return copy_filled(to, from, count, room);
}

CT_EXPORT char *strcat(char *to, const char *from)
{
	return append(to, from, ANY, ANY);
}

CT_EXPORT char *__strcat_chk(char *to, const char *from, size_t room)
{
	return append(to, from, ANY, room);
}

CT_EXPORT char *strncat(char *to, const char *from, size_t count)
{
	return append(to, from, count, ANY);
}

CT_EXPORT char *__strncat_chk(char *to, const char *from, size_t count, size_t room)
{
	return append(to, from, count, room);
}

CT_EXPORT char *strdup(const char *from)
{
	if (is_early())
		resolve();
	report(length_of(from) + 1);
	return real.strdup(from);
}

CT_EXPORT char *__strdup(const char *from)
{
	if (is_early())
		resolve();
	report(length_of(from) + 1);
	return real.strdup(from);
}

CT_EXPORT char *strndup(const char *from, size_t count)
{
	if (is_early())
		resolve();
	report(length_within(from, count));
	return real.strndup(from, count);
}

CT_EXPORT char *__strndup(const char *from, size_t count)
{
	if (is_early())
		resolve();
	report(length_within(from, count));
	return real.strndup(from, count);
}

CT_EXPORT wchar_t *wmemcpy(wchar_t *to, const wchar_t *from, size_t count)
{
	move_wide(to, from, count, ANY);
	return to;
}

CT_EXPORT wchar_t *wmemmove(wchar_t *to, const wchar_t *from, size_t count)
{
	move_wide(to, from, count, ANY);
	return to;
}

CT_EXPORT wchar_t *__wmemcpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room)
{
	move_wide(to, from, count, room);
	return to;
}

CT_EXPORT wchar_t *__wmemmove_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room)
{
	move_wide(to, from, count, room);
	return to;
}

CT_EXPORT wchar_t *wmempcpy(wchar_t *to, const wchar_t *from, size_t count)
{
	return move_wide(to, from, count, ANY);
}

CT_EXPORT wchar_t *__wmempcpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room)
{
	return move_wide(to, from, count, room);
}

CT_EXPORT wchar_t *wcscpy(wchar_t *to, const wchar_t *from)
{
	copy_wide(to, from, ANY);
	return to;
}

CT_EXPORT wchar_t *__wcscpy_chk(wchar_t *to, const wchar_t *from, size_t room)
{
	copy_wide(to, from, room);
	return to;
}

CT_EXPORT wchar_t *wcpcpy(wchar_t *to, const wchar_t *from)
{
	return copy_wide(to, from, ANY);
}

CT_EXPORT wchar_t *__wcpcpy_chk(wchar_t *to, const wchar_t *from, size_t room)
{
	return copy_wide(to, from, room);
}

CT_EXPORT wchar_t *wcsncpy(wchar_t *to, const wchar_t *from, size_t count)
{
	fill_wide(to, from, count, ANY);
	return to;
}

CT_EXPORT wchar_t *__wcsncpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room)
{
	fill_wide(to, from, count, room);
	return to;
}

CT_EXPORT wchar_t *wcpncpy(wchar_t *to, const wchar_t *from, size_t count)
{
	return fill_wide(to, from, count, ANY);
}

CT_EXPORT wchar_t *__wcpncpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room)
{
	return fill_wide(to, from, count, room);
}

CT_EXPORT wchar_t *wcscat(wchar_t *to, const wchar_t *from)
{
	return append_wide(to, from, ANY, ANY);
}

CT_EXPORT wchar_t *__wcscat_chk(wchar_t *to, const wchar_t *from, size_t room)
{
	return append_wide(to, from, ANY, room);
}

CT_EXPORT wchar_t *wcsncat(wchar_t *to, const wchar_t *from, size_t count)
{
	return append_wide(to, from, count, ANY);
}

CT_EXPORT wchar_t *__wcsncat_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room)
{
	return append_wide(to, from, count, room);
}

CT_EXPORT wchar_t *wcsdup(const wchar_t *from)
{
	if (is_early())
		resolve();
	report((wide_within(from, ANY) + 1) * sizeof(wchar_t));
	return real.wcsdup(from);
}
