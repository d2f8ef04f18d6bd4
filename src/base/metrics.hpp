#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <string>

namespace minga {

/// The process's metrics (prometheus-cpp). A counter or histogram is looked up once and kept by
/// reference: looking up takes a lock, counting does not. Names follow Prometheus's conventions:
/// minga_http_requests_total, ..._seconds.
class Metrics {
 public:
  Metrics();
  prometheus::Counter& counter(std::string const& name, std::string const& help,
                               std::map<std::string, std::string> const& labels = {});
  prometheus::Gauge& gauge(std::string const& name, std::string const& help,
                           std::map<std::string, std::string> const& labels = {});
  /// Buckets in seconds, 0.5 ms to 10 s.
  prometheus::Histogram& seconds(std::string const& name, std::string const& help,
                                 std::map<std::string, std::string> const& labels = {});
  /// Prometheus text format 0.0.4.
  std::string text() const;

 private:
  std::shared_ptr<prometheus::Registry> registry_;
};

}  // namespace minga
