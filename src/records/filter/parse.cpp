#include "records/filter/filter.hpp"
