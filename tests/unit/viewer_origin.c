/* SPDX-License-Identifier: MIT */
/* Whose code a frame is, and how sites fold by the program's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/fold.h"
#include "model/origin.h"
#include "names/names.h"
#include "names/origin.h"
#include "util/array.h"

/* A frame as "function@file:line@module"; empty parts are not known. */
static uint32_t frame_of(struct ct_profile *profile, const char *text)
{
	char function[512] = "", file[256] = "", module[256] = "";
	unsigned line = 0;
	sscanf(text, "%511[^@]@%255[^:@]:%u@%255s", function, file, &line, module);
	const char *last = strrchr(text, '@');
	if (last && strstr(text, "@@"))
		snprintf(module, sizeof(module), "%s", last + 1);
	struct ct_frame frame = {
		.address = strlen(text),
		.function = (uint32_t)ct_profile_string(profile, function, strlen(function)),
		.file = (uint32_t)ct_profile_string(profile, file, strlen(file)),
		.line = line,
		.module = (uint32_t)ct_profile_string(profile, module, strlen(module)),
		.text = (uint32_t)ct_profile_string(profile, text, strlen(text)),
	};
	return (uint32_t)ct_profile_frame(profile, &frame);
}

static void add_site(struct ct_profile *profile, const char *const *frames, uint64_t bytes)
{
	uint32_t ids[16], count = 0;
	for (; frames[count]; count++)
		ids[count] = frame_of(profile, frames[count]);
	assert_int_equal(
		ct_profile_site(profile, ids, count,
				&(struct ct_counters){.total_bytes = bytes, .total_blocks = 1, .max_bytes = bytes},
				false),
		0);
}

#define SITE(profile, bytes, ...) add_site(profile, (const char *const[]){__VA_ARGS__, NULL}, bytes)

static void test_functions(void **state)
{
	static const struct {
		const char *name;
		bool library;
	} cases[] = {
		{"long& std::vector<long, std::allocator<long> >::emplace_back<long>(long&&)", true},
		{"std::vector<MyType, std::allocator<MyType> >::push_back(MyType const&)", true},
		{"std::__1::vector<int, std::__1::allocator<int> >::push_back(int const&)", true},
		{"__gnu_cxx::new_allocator<int>::allocate(unsigned long, void const*)", true},
		{"__cxxabiv1::__cxa_allocate_exception", true},
		{"__cxa_get_globals", true},
		{"operator new(unsigned long)", true},
		{"non-virtual thunk to std::basic_iostream<char>::~basic_iostream()", true},
		{"(below main)", true},
		{"__libc_start_call_main", true},
		{"_start", true},
		{"score(std::vector<long, std::allocator<long> > const&)", false},
		{"std::vector<long, std::allocator<long> > my::make(int)", false},
		{"core::Engine::load(char const*)", false},
		{"void alloc::arena::grow<int>(unsigned long)", false},
		{"stdout_writer", false},
		{"standard::vector::push", false},
		{"my::std::push", false},
		{"clones", false},
		{"main", false},
		{"alloc::vec::Vec<T,A>::push", true},
		{"<alloc::vec::Vec<T> as core::iter::traits::collect::FromIterator<T>>::from_iter", true},
		{"<alloc::string::String as core::clone::Clone>::clone", true},
		{"<T as alloc::string::ToString>::to_string", true},
		{"<app::Word as alloc::string::ToString>::to_string", true},
		{"<T as core::convert::Into<U>>::into", true},
		{"<&str as core::convert::Into<U>>::into", true},
		{"<[app::Word]>::to_vec", true},
		{"<str>::repeat", true},
		{"hashbrown::raw::RawTable<T,A>::reserve_rehash", true},
		{"std::collections::hash::map::HashMap<K,V,S>::insert", true},
		{"core::ops::function::FnOnce::call_once{{vtable.shim}}", true},
		{"__rustc::__rust_alloc", true},
		{"<app::Word as core::clone::Clone>::clone", false},
		{"<&app::Word as core::fmt::Display>::fmt", false},
		{"<alloc::vec::Vec<T> as app::Sum>::sum", false},
		{"<app::Table<alloc::string::String>>::put", false},
		{"app::alloc::arena::push", false},
		{"allocate_all", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!(ct_origin_of_function(cases[i].name) & CT_FROM_LIBRARY) == cases[i].library)
			fail_msg("%s", cases[i].name);
}

static void test_files_and_modules(void **state)
{
	static const char *const files[] = {
		"/usr/include/c++/12/bits/vector.tcc",
		"/usr/include/x86_64-linux-gnu/c++/12/bits/c++allocator.h",
		"/usr/lib/llvm-14/bin/../include/c++/v1/vector",
		"/rustc/90b35a623/library/alloc/src/vec/mod.rs",
		"library/alloc/src/raw_vec.rs",
		"/root/.rustup/toolchains/x/lib/rustlib/src/rust/library/core/src/ops/function.rs",
		"/rust/deps/hashbrown-0.15.2/src/raw/mod.rs",
		"/build/gcc-12/src/libstdc++-v3/src/c++11/string-inst.cc",
		"/usr/include/x86_64-linux-gnu/bits/stdio2.h",
		"/usr/lib/gcc/x86_64-linux-gnu/12/include/emmintrin.h"};
	static const char *const own_files[] = {"/home/me/vector.tcc", "src/library/alloc.c",
						"/usr/include/boost/any.hpp", "/home/me/lib/gcc/main.c",
						"/home/me/alloc/src/main.rs"};
	static const char *const modules[] = {"/lib/x86_64-linux-gnu/libc.so.6",
					      "/lib/libc-2.31.so",
					      "/lib64/ld-linux-x86-64.so.2",
					      "/lib/ld-2.31.so",
					      "/usr/lib/libstdc++.so.6.0.30",
					      "libc++.so.1",
					      "libc++abi.so.1",
					      "libgcc_s.so.1",
					      "libm.so.6",
					      "libpthread-2.31.so",
					      "/usr/lib/libjemalloc.so.2",
					      "libtcmalloc_minimal.so.4",
					      "libmimalloc.so.2.0",
					      "libmimalloc-secure.so",
					      "libstd-4eb161250e340c8f.so",
					      "/lib/libc.musl-x86_64.so.1"};
	static const char *const own_modules[] = {
		"/usr/bin/python3.11",  "libcrypto.so.3",  "libcurl.so.4", "libmagic.so.1",
		"libc-client.so.2007e", "libstdlogger.so", "ldd",          "/home/me/libdlib.so.19"};
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!(ct_origin_of_file(files[i]) & CT_FROM_LIBRARY))
			fail_msg("%s", files[i]);
	for (size_t i = 0; i < sizeof(own_files) / sizeof(own_files[0]); i++)
		if (ct_origin_of_file(own_files[i]) & CT_FROM_LIBRARY)
			fail_msg("%s", own_files[i]);
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		if (!(ct_origin_of_module(modules[i]) & CT_FROM_LIBRARY))
			fail_msg("%s", modules[i]);
	for (size_t i = 0; i < sizeof(own_modules) / sizeof(own_modules[0]); i++)
		if (ct_origin_of_module(own_modules[i]) & CT_FROM_LIBRARY)
			fail_msg("%s", own_modules[i]);
	assert_int_equal(ct_origin_of_file_name("vector.tcc"), CT_FROM_LIBRARY);
	assert_int_equal(ct_origin_of_file_name("stl_vector.h"), CT_FROM_LIBRARY);
	assert_int_equal(ct_origin_of_file_name("server.cpp"), 0);
}

static void test_calls(void **state)
{
	static const char *const cases[][2] = {
		{"long& std::vector<long, std::allocator<long> >::emplace_back<long>(long&&)", "vector::emplace_back"},
		{"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::append(char const*)",
		 "string::append"},
		{"std::__1::map<int, int>::operator[](int const&)", "map::operator[]"},
		{"std::__1::vector<int>::push_back[abi:ne190107](int&&)", "vector::push_back"},
		{"void std::__1::vector<int>::__append[abi:ne190107]<int>(int&&)", "vector::__append"},
		{"std::basic_string<char> std::operator+<char, std::char_traits<char>, std::allocator<char> >(char const*, "
		 "std::basic_string<char> const&)",
		 "operator+"},
		{"std::ostream& std::operator<< <std::char_traits<char> >(std::ostream&, char const*)", "operator<<"},
		{"std::_Function_handler<void (int), main::{lambda(int)#1}>::_M_invoke(std::_Any_data const&, int&&)",
		 "_Function_handler::_M_invoke"},
		{"std::make_shared<Node, int&>(int&)", "make_shared"},
		{"push_back", "push_back"},
		{"alloc::vec::Vec<T,A>::push", "Vec::push"},
		{"alloc::slice::<impl [T]>::to_vec", "slice::to_vec"},
		{"<alloc::vec::Vec<T> as core::iter::traits::collect::FromIterator<T>>::from_iter", "Vec::from_iter"},
		{"<T as alloc::string::ToString>::to_string", "ToString::to_string"},
		{"<str as alloc::borrow::ToOwned>::to_owned", "str::to_owned"},
		{"alloc::fmt::format::format_inner", "format::format_inner"},
		{"fopen", "fopen"},
		{"@@/lib/libc.so.6", "libc.so.6"},
	};
	char out[CT_NAME_ROOM];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_profile *profile = ct_profile_new();
		const struct ct_frame *frame = NULL;
		uint32_t id = 0;
		if (*cases[i][0] == '@') {
			int64_t module = ct_profile_string(profile, cases[i][0] + 2, strlen(cases[i][0] + 2));
			id = (uint32_t)ct_profile_frame(
				profile, &(struct ct_frame){.module = (uint32_t)module, .text = (uint32_t)module});
		} else {
			int64_t name = ct_profile_string(profile, cases[i][0], strlen(cases[i][0]));
			id = (uint32_t)ct_profile_frame(
				profile, &(struct ct_frame){.function = (uint32_t)name, .text = (uint32_t)name});
		}
		frame = &profile->frames[id];
		assert_string_equal(ct_name_call(profile, frame, out), cases[i][1]);
		ct_profile_free(profile);
	}
}

static void test_long_call(void **state)
{
	struct ct_profile *profile = ct_profile_new();
	char name[3000] = "std::", out[CT_NAME_ROOM];
	(void)state;
	for (size_t i = 5; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, i == 1001 ? "::" : "é", 3);
	int64_t id = ct_profile_string(profile, name, strlen(name));
	struct ct_frame frame = {.function = (uint32_t)id, .text = (uint32_t)id};
	ct_name_call(profile, &frame, out);
	assert_true(strlen(out) > 400);
	assert_int_equal(ct_profile_string(profile, out, strlen(out)) > 0, 1);
	assert_int_equal(strstr(profile->strings[profile->string_count - 1], "\xef\xbf\xbd") != NULL, 0);
	ct_profile_free(profile);
}

static uint32_t own_of(struct ct_profile *profile, enum ct_origin_rule rule)
{
	struct ct_origins origins;
	assert_int_equal(ct_origins_init(&origins, profile, rule), 0);
	uint32_t own = ct_origin_own(profile, &origins, &profile->sites[profile->site_count - 1]);
	ct_origins_fini(&origins);
	return own;
}

static void test_own_frame(void **state)
{
	struct ct_profile *profile = ct_profile_new();
	(void)state;
	SITE(profile, 1, "malloc@@/lib/libc.so.6", "fopen@iofopen.c:40@/lib/libc.so.6", "load@load.c:7@/bin/app",
	     "main@load.c:9@/bin/app", "__libc_start_main@@/lib/libc.so.6");
	assert_int_equal(own_of(profile, CT_ORIGIN_RULE), 2);
	assert_int_equal(own_of(profile, CT_ORIGIN_BY_NAME), 1);
	assert_int_equal(own_of(profile, CT_ORIGIN_NONE), 1);
	/* an inlined function of the library has a plain name, so its file counts */
	SITE(profile, 1, "operator new(unsigned long)@@/lib/libstdc++.so.6",
	     "push_back@/usr/include/c++/12/bits/stl_vector.h:9@/bin/app", "score@server.cpp:76@/bin/app");
	assert_int_equal(own_of(profile, CT_ORIGIN_RULE), 2);
	/* libraries alone: the first frame with a name */
	SITE(profile, 1, "malloc@@/lib/libc.so.6", "@@/lib/libstdc++.so.6", "call_init@@/lib64/ld-linux-x86-64.so.2",
	     "[thread 1 app]");
	assert_int_equal(own_of(profile, CT_ORIGIN_RULE), 2);
	/* a wrapper of malloc behind a library's function is not own code either */
	SITE(profile, 1, "malloc@@/lib/libc.so.6", "getline@@/lib/libc.so.6", "xmalloc@x.c:2@/bin/app",
	     "read@x.c:9@/bin/app");
	assert_int_equal(own_of(profile, CT_ORIGIN_RULE), 3);
	/* code without a name is the program's, if its object file is */
	SITE(profile, 1, "malloc@@/lib/libc.so.6", "@@/usr/bin/python3.11", "Py_Main@@/usr/bin/python3.11");
	assert_int_equal(own_of(profile, CT_ORIGIN_RULE), 1);
	ct_profile_free(profile);
}

static struct ct_fold fold_of(struct ct_profile *profile, struct ct_origins *origins, bool apart)
{
	struct ct_fold fold;
	assert_int_equal(ct_origins_init(origins, profile, CT_ORIGIN_RULE), 0);
	assert_int_equal(ct_fold_init(&fold, profile, origins, apart, NULL), 0);
	return fold;
}

static void test_fold(void **state)
{
	struct ct_profile *profile = ct_profile_new();
	struct ct_origins origins;
	(void)state;
	/* one line of the program: two functions of the library, one of them by two ways, on two threads */
	SITE(profile, 10, "std::string::append@@/lib/libstdc++.so.6", "render@s.cpp:69@/bin/s", "main@s.cpp:90@/bin/s",
	     "[thread 1 s]");
	SITE(profile, 30, "std::operator+@@/lib/libstdc++.so.6", "render@s.cpp:69@/bin/s", "main@s.cpp:90@/bin/s",
	     "[thread 2 s]");
	SITE(profile, 5, "std::string::_M_create@@/lib/libstdc++.so.6", "std::operator+@@/lib/libstdc++.so.6",
	     "render@s.cpp:69@/bin/s", "std::thread::_M_run@@/lib/libstdc++.so.6", "main@s.cpp:90@/bin/s");
	/* another line, another caller, another depth of recursion: rows of their own */
	SITE(profile, 1, "render@s.cpp:70@/bin/s", "main@s.cpp:90@/bin/s");
	SITE(profile, 1, "render@s.cpp:69@/bin/s", "main@s.cpp:91@/bin/s");
	SITE(profile, 1, "render@s.cpp:69@/bin/s", "render@s.cpp:69@/bin/s", "main@s.cpp:90@/bin/s");
	struct ct_fold fold = fold_of(profile, &origins, false);
	assert_int_equal(fold.count, 4);
	assert_int_equal(fold.rows[0].site_count, 3);
	assert_int_equal(fold.rows[0].counters->total_bytes, 45);
	assert_int_equal(fold.rows[0].counters->max_bytes, 45);
	assert_int_equal(fold.rows[0].site, 1);
	assert_int_equal(fold.rows[0].first, 0);
	assert_true(fold.rows[0].many_calls);
	assert_false(fold.rows[1].many_calls);
	assert_int_equal(fold.row_of[2], 0);
	assert_int_equal(fold.row_of[5], 3);
	ct_fold_fini(&fold);
	ct_origins_fini(&origins);
	fold = fold_of(profile, &origins, true);
	assert_int_equal(fold.count, profile->site_count);
	ct_fold_fini(&fold);
	ct_origins_fini(&origins);
	ct_profile_free(profile);
}

/* Without lines, each call is a place of its own. */
static void test_fold_addresses(void **state)
{
	struct ct_profile *profile = ct_profile_new();
	struct ct_origins origins;
	(void)state;
	int64_t function = ct_profile_string(profile, "insert", 6);
	for (uint64_t address = 1; address <= 2; address++) {
		char text[] = "insert1";
		text[6] = (char)('0' + address);
		int64_t id = ct_profile_string(profile, text, 7);
		uint32_t frame = (uint32_t)ct_profile_frame(
			profile,
			&(struct ct_frame){.address = address, .function = (uint32_t)function, .text = (uint32_t)id});
		assert_int_equal(ct_profile_site(profile, &frame, 1, &(struct ct_counters){.total_bytes = 1}, false),
				 0);
	}
	struct ct_fold fold = fold_of(profile, &origins, false);
	assert_int_equal(fold.count, 2);
	ct_fold_fini(&fold);
	ct_origins_fini(&origins);
	ct_profile_free(profile);
}

/* New frames are classified, and old ones keep their answers. */
static void test_update(void **state)
{
	struct ct_profile *profile = ct_profile_new();
	struct ct_origins origins;
	(void)state;
	SITE(profile, 1, "main@a.c:1@/bin/a");
	assert_int_equal(ct_origins_init(&origins, profile, CT_ORIGIN_RULE), 0);
	SITE(profile, 1, "std::string::append@@/bin/a", "main@a.c:2@/bin/a");
	assert_int_equal(ct_origins_update(&origins, profile), 0);
	assert_int_equal(origins.frame_count, profile->frame_count);
	assert_true(ct_origin_is_own(&origins, profile->frame_ids[0]));
	assert_false(ct_origin_is_own(&origins, profile->frame_ids[1]));
	assert_int_equal(ct_origin_own(profile, &origins, &profile->sites[1]), 1);
	ct_origins_fini(&origins);
	ct_profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions),      cmocka_unit_test(test_files_and_modules),
		cmocka_unit_test(test_calls),          cmocka_unit_test(test_long_call),
		cmocka_unit_test(test_own_frame),      cmocka_unit_test(test_fold),
		cmocka_unit_test(test_fold_addresses), cmocka_unit_test(test_update),
	};
	return cmocka_run_group_tests_name("viewer_origin", tests, NULL, NULL);
}
