"""The kinds of inputs. A new reader of files gets a kind here."""

from tests.fuzz.kind import Kind
from tests.fuzz.kinds import exports, lists, pictures, stores, tables, videos, weights

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        stores.Zips(),
        stores.StoredZips(),
        stores.PackedClips(),
        stores.RemoteZips(),
        stores.ZipIndexes(),
        stores.ClipFiles(),
        stores.Validation(),
        pictures.Frames(),
        pictures.JpegFrames(),
        pictures.Masks(),
        pictures.PaletteMasks(),
        pictures.Drawings(),
        lists.RemovalLists(),
        lists.Ledgers(),
        lists.ClipMeta(),
        lists.CropRecords(),
        lists.RemovalFromStores(),
        tables.Annotations(),
        tables.CropTables(),
        tables.LabelFiles(),
        exports.ExportNotes(),
        exports.ExportResumed(),
        exports.ExportShards(),
        exports.ExportTars(),
        weights.Checkpoints(),
        weights.OldCheckpoints(),
        weights.Safetensors(),
        videos.SampledVideos(),
        videos.RawVideos(),
    )
}
