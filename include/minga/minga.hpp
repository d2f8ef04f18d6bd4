#pragma once

#include <minga/app.hpp>
#include <minga/async.hpp>
#include <minga/collection.hpp>
#include <minga/counter.hpp>
#include <minga/embedded.hpp>
#include <minga/error.hpp>
#include <minga/field.hpp>
#include <minga/filter.hpp>
#include <minga/json.hpp>
#include <minga/page.hpp>
#include <minga/paging.hpp>
#include <minga/request.hpp>
#include <minga/response.hpp>
