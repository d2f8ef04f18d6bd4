#include "web/site.hpp"
