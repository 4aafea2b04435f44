import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.io.PrintStream;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.MetadataTableType;
import org.apache.iceberg.MetadataTableUtils;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.StaticTableOperations;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableScan;
import org.apache.iceberg.data.IdentityPartitionConverters;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.data.parquet.GenericParquetReaders;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.hadoop.HadoopFileIO;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.mapping.NameMapping;
import org.apache.iceberg.mapping.NameMappingParser;
import org.apache.iceberg.parquet.Parquet;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.util.PartitionUtil;

/**
 * Reads a mirror by Iceberg's own Java library, as Spark and Trino do.
 *
 * A request is a line, the metadata's place and the number of a snapshot (or none), apart by a tabulator. The answer is a
 * line for each row, "error" with what was raised, and "end". Read are also all metadata tables, what each snapshot added
 * and removed, and whether a condition on any column of some rows leads to the files that they lie in.
 */
public class IcebergReader {
  static final HadoopFileIO IO = new HadoopFileIO(new Configuration());
  static PrintStream out;

  public static void main(String[] arguments) throws Exception {
    out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = requests.readLine()) != null; ) {
      String[] words = line.split("\t", -1);
      try {
        answer(words[0], words[1].isEmpty() ? null : Long.valueOf(words[1]));
      } catch (Throwable error) {
        var trace = new java.io.StringWriter();
        error.printStackTrace(new java.io.PrintWriter(trace));
        out.println("error\t" + escaped(trace.toString()));
      }
      out.println("end");
    }
  }

  static void answer(String metadata, Long snapshot) throws Exception {
    Table table = new BaseTable(new StaticTableOperations(metadata, IO), "mirror");
    NameMapping mapping = NameMappingParser.fromJson(table.properties().get("schema.name-mapping.default"));
    for (Snapshot each : table.snapshots()) {
      each.addedDataFiles(IO).forEach(file -> {});
      each.removedDataFiles(IO).forEach(file -> {});
    }
    for (MetadataTableType kind : MetadataTableType.values()) {
      if (kind == MetadataTableType.POSITION_DELETES) continue;
      TableScan of = MetadataTableUtils.createMetadataTableInstance(table, kind).newScan();
      if (table.currentSnapshot() == null) continue;
      try (CloseableIterable<FileScanTask> tasks = of.planFiles()) {
        for (FileScanTask task : tasks) {
          try (var rows = task.asDataTask().rows()) {
            for (var row : rows) row.size();
          }
        }
      }
    }
    TableScan scan = snapshot == null ? table.newScan() : table.newScan().useSnapshot(snapshot);
    Schema schema = scan.schema();
    List<Record> sample = new ArrayList<>();
    List<String> places = new ArrayList<>();
    try (CloseableIterable<FileScanTask> tasks = scan.planFiles()) {
      for (FileScanTask task : tasks) {
        long rows = 0;
        try (CloseableIterable<Record> records = read(task, schema, mapping)) {
          for (Record record : records) {
            rows++;
            List<String> texts = new ArrayList<>();
            for (int place = 0; place < schema.columns().size(); place++) texts.add(escaped(text(record.get(place))));
            out.println("row\t" + String.join("\t", texts));
            if (sample.size() < 3 && rows == 1) {
              sample.add(record.copy());
              places.add(task.file().location());
            }
          }
        }
        if (rows != task.file().recordCount())
          throw new IllegalStateException(task.file().location() + " has " + rows + " rows");
      }
    }
    for (int number = 0; number < sample.size(); number++) {
      for (Types.NestedField field : schema.columns()) {
        var now = table.schema().findField(field.name());
        if (now == null || now.fieldId() != field.fieldId()) continue;  // partitions are bound to the columns of now
        Object value = sample.get(number).getField(field.name());
        if (value instanceof LocalDateTime || value instanceof LocalDate) value = value.toString().length() == 16 ? value + ":00" : value.toString();
        var condition = value == null ? Expressions.isNull(field.name()) : Expressions.equal(field.name(), value);
        boolean isFound = false;
        try (CloseableIterable<FileScanTask> tasks = scan.filter(condition).planFiles()) {
          for (FileScanTask task : tasks) isFound |= task.file().location().equals(places.get(number));
        }
        if (!isFound) throw new IllegalStateException("passed over where " + condition + ": " + places.get(number));
      }
    }
  }

  static CloseableIterable<Record> read(FileScanTask task, Schema schema, NameMapping mapping) {
    Map<Integer, ?> constants = PartitionUtil.constantsMap(task, IdentityPartitionConverters::convertConstant);
    return Parquet.read(IO.newInputFile(task.file().location()))
        .project(schema)
        .withNameMapping(mapping)
        .createReaderFunc(file -> GenericParquetReaders.buildReader(schema, file, constants))
        .build();
  }

  static final DateTimeFormatter SECONDS = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss");
  static final DateTimeFormatter MICROSECONDS = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSSSSS");

  static String text(Object value) {
    if (value == null) return "None";
    if (value instanceof Boolean is) return is ? "True" : "False";
    if (value instanceof BigDecimal number) return number.toPlainString();
    if (value instanceof LocalDateTime at) return (at.getNano() == 0 ? SECONDS : MICROSECONDS).format(at);
    return value.toString();
  }

  static String escaped(String text) {
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n");
  }
}
