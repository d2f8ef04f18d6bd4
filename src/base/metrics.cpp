#include "base/metrics.hpp"

#include <prometheus/text_serializer.h>

namespace minga {

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>()) {}

prometheus::Counter& Metrics::counter(std::string const& name, std::string const& help,
                                      std::map<std::string, std::string> const& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels);
}

prometheus::Gauge& Metrics::gauge(std::string const& name, std::string const& help,
                                  std::map<std::string, std::string> const& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add(labels);
}

prometheus::Histogram& Metrics::seconds(std::string const& name, std::string const& help,
                                        std::map<std::string, std::string> const& labels) {
  prometheus::Histogram::BucketBoundaries const bounds{
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Register(*registry_)
      .Add(labels, bounds);
}

std::string Metrics::text() const {
  return prometheus::TextSerializer{}.Serialize(registry_->Collect());
}

}  // namespace minga
