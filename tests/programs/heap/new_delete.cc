// SPDX-License-Identifier: MIT
// Each form of new and delete, many times: single and array, with and without a size, aligned, nothrow.
#include <cstddef>
#include <new>

namespace
{

struct alignas(64) Wide {
	char bytes[64];
};

struct Large {
	char bytes[3000];
};

template <typename T> void one()
{
	T *volatile single = new T;
	delete single;
	T *volatile many = new T[5];
	delete[] many;
	T *volatile quiet = new (std::nothrow) T;
	::operator delete(quiet, std::nothrow);
}

} // namespace

int main()
{
	for (int i = 0; i < 100; i++) {
		one<char>();
		one<long>();
		one<Large>();
		void *volatile raw = ::operator new(10);
		::operator delete(raw);
		Wide *volatile wide = new Wide;
		delete wide;
		Wide *volatile wides = new Wide[3];
		delete[] wides;
	}
}
