using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Fairlead.Gateway.Telemetry;

/// <summary>Adds up what the instruments of a meter are told, and writes it in Prometheus' text format 0.0.4. A measurement of a series that is there allocates nothing.</summary>
internal sealed class PrometheusText : IDisposable
{
    private const int MostLabelCharacters = 1024;
    private const int MostValueCharacters = 120;

    private readonly MeterListener _listener;
    private readonly ConcurrentDictionary<Instrument, Family> _families = new();

    /// <param name="meter">Whose instruments; they are made after this.</param>
    public PrometheusText(Meter meter)
    {
        _listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter != meter) return;
                var family = _families.GetOrAdd(instrument, i => new Family(i));
                listener.EnableMeasurementEvents(instrument, family);
            },
        };
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, family) => ((Family)family!).Add(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, family) => ((Family)family!).Add(value, tags));
        _listener.Start();
    }

    public string Render()
    {
        // A series of a gauge that is not told any more is gone.
        lock (_listener)
        {
            foreach (var family in _families.Values) family.Forget();
            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException)
            {
                // One that cannot be asked now, without descriptors for instance, takes no other with it.
            }

            var text = new StringBuilder();
            foreach (var family in _families.Values.OrderBy(f => f.Name, StringComparer.Ordinal)) family.WriteTo(text);
            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();

    /// <summary>One instrument: its series by their labels.</summary>
    private sealed class Family(Instrument instrument)
    {
        private readonly ConcurrentDictionary<string, Series> _series = new();
        private readonly IReadOnlyList<double> _bounds = (instrument as Histogram<double>)?.Advice?.HistogramBucketBoundaries ?? [];
        private readonly bool _isSet = instrument.IsObservable;

        public string Name => instrument.Name;

        private string Kind => instrument switch { Histogram<double> => "histogram", Counter<long> or ObservableCounter<long> or ObservableCounter<double> => "counter", _ => "gauge" };

        // Nothing of the labels is read that was not written.
        [SkipLocalsInit]
        public void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            Span<char> labels = stackalloc char[MostLabelCharacters];
            var key = labels[..Describe(tags, labels)];
            var lookup = _series.GetAlternateLookup<ReadOnlySpan<char>>();
            if (!lookup.TryGetValue(key, out var series)) series = _series.GetOrAdd(key.ToString(), _ => new Series(_bounds));
            series.Add(value, _isSet);
        }

        public void Forget()
        {
            if (_isSet) _series.Clear();
        }

        public void WriteTo(StringBuilder text)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {Name} {instrument.Description}\n# TYPE {Name} {Kind}\n");
            foreach (var (labels, series) in _series.OrderBy(s => s.Key, StringComparer.Ordinal)) series.WriteTo(text, Name, labels, _bounds);
        }

        // Three labels at most; values come from the configuration and from lists in the code.
        private static int Describe(ReadOnlySpan<KeyValuePair<string, object?>> tags, Span<char> to)
        {
            var length = 0;
            foreach (var (name, value) in tags)
            {
                if (length > 0) to[length++] = ',';
                name.CopyTo(to[length..]);
                length += name.Length;
                to[length++] = '=';
                to[length++] = '"';
                var text = ((string)value!).AsSpan();
                foreach (var c in text.Length > MostValueCharacters ? text[..MostValueCharacters] : text)
                {
                    if (c is '"' or '\\') to[length++] = '\\';
                    to[length++] = c == '\n' ? ' ' : c;
                }

                to[length++] = '"';
            }

            return length;
        }
    }

    private sealed class Series(IReadOnlyList<double> bounds)
    {
        private readonly Lock _gate = new();
        private readonly long[] _buckets = new long[bounds.Count];
        private double _sum;
        private long _count;

        public void Add(double value, bool isSet)
        {
            lock (_gate)
            {
                _sum = isSet ? value : _sum + value;
                if (bounds.Count == 0) return;
                _count++;
                for (var i = bounds.Count - 1; i >= 0 && value <= bounds[i]; i--) _buckets[i]++;
            }
        }

        public void WriteTo(StringBuilder text, string name, string labels, IReadOnlyList<double> limits)
        {
            lock (_gate)
            {
                var all = labels.Length == 0 ? "" : $"{{{labels}}}";
                if (limits.Count == 0)
                {
                    text.Append(CultureInfo.InvariantCulture, $"{name}{all} {_sum:R}\n");
                    return;
                }

                var first = labels.Length == 0 ? "" : labels + ",";
                for (var i = 0; i < limits.Count; i++) text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{first}le=\"{limits[i]:R}\"}} {_buckets[i]}\n");
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{first}le=\"+Inf\"}} {_count}\n{name}_sum{all} {_sum:R}\n{name}_count{all} {_count}\n");
            }
        }
    }
}
