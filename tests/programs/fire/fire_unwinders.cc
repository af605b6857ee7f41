// SPDX-License-Identifier: MIT
// Exceptions through frames that allocate, and _Unwind_Backtrace. Linked with several unwinders.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unwind.h>

namespace {

_Unwind_Reason_Code count(struct _Unwind_Context *, void *frames)
{
	++*static_cast<int *>(frames);
	return _URC_NO_REASON;
}

__attribute__((noinline)) int throw_from(int depth)
{
	std::string block(100 + depth, 'x');
	if (!depth) {
		int frames = 0;
		_Unwind_Backtrace(count, &frames);
		throw frames;
	}
	return throw_from(depth - 1) + static_cast<int>(block.size());
}

}

int main()
{
	int caught = 0, frames = 0;
	for (int i = 0; i < 500; i++)
		try {
			throw_from(i % 20);
		} catch (int thrown) {
			caught++;
			frames = frames < thrown ? thrown : frames;
		}
	std::printf("%d %d\n", caught, frames);
}
