#include "pool.h"

struct pool_plan
pool_plan(const struct pool_limits *limits, const struct pool_counts *counts)
{
	int missing = limits->workers - counts->running;

	return (struct pool_plan){
	    .spawn = missing > 0 ? missing : 0,
	    .retire = missing < 0 ? -missing : 0,
	};
}
