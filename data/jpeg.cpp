#include "data/jpeg.h"

#include <csetjmp>
#include <cstdio>

#include "data/error.h"
#include "data/exif.h"

#ifdef WARPVAE_HAVE_JPEG
#include <jpeglib.h>
// After it, which it needs.
#include <jerror.h>
#endif

namespace warpvae {

bool is_jpeg(std::string_view bytes) { return bytes.substr(0, 3) == "\xff\xd8\xff"; }

#ifndef WARPVAE_HAVE_JPEG

bool can_read_jpeg() { return false; }

Picture decode_jpeg(std::string_view, const std::string& name) {
    throw Error("this build has no libjpeg and cannot read " + name +
                ": build again with its development files (libjpeg62-turbo-dev) installed");
}

#else

namespace {

constexpr int kMostScans = 100;  // a progressive file may repeat its picture without end

/// What libjpeg calls back for. It leaves an error by longjmp, past no destructor: the function below holds nothing
/// that has one.
struct JpegReader {
    jpeg_decompress_struct jpeg{};
    jpeg_error_mgr errors{};
    jpeg_progress_mgr progress{};
    std::jmp_buf left;
    char error[JMSG_LENGTH_MAX] = "";
    int orientation = 1;
    ~JpegReader() { jpeg_destroy_decompress(&jpeg); }

    static JpegReader& of(j_common_ptr jpeg) { return *static_cast<JpegReader*>(jpeg->client_data); }
    [[noreturn]] static void fail(j_common_ptr jpeg) {
        jpeg->err->format_message(jpeg, of(jpeg).error);
        std::longjmp(of(jpeg).left, 1);
    }
    [[noreturn]] void fail(const char* why) {
        std::snprintf(error, sizeof(error), "%s", why);
        std::longjmp(left, 1);
    }
    /// libjpeg warns where it goes on with grey in place of what is missing. That is no picture.
    static void warn(j_common_ptr jpeg, int level) {
        const int code = jpeg->err->msg_code;
        const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
        if (level < 0 && !harmless) fail(jpeg);
    }
    static void count_scans(j_common_ptr jpeg) {
        if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMostScans) of(jpeg).fail("too many scans");
    }
};

/// The EXIF data among the markers, after their name.
std::string_view exif_of(const jpeg_decompress_struct& jpeg) {
    constexpr std::string_view kName("Exif\0\0", 6);
    for (auto marker = jpeg.marker_list; marker; marker = marker->next) {
        const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
        if (data.substr(0, kName.size()) == kName) return data.substr(kName.size());
    }
    return {};
}

/// False: `reader.error` says why.
bool read_rows(JpegReader& reader, std::string_view bytes, Picture& out) {
    jpeg_decompress_struct& jpeg = reader.jpeg;
    if (setjmp(reader.left)) return false;
    jpeg_create_decompress(&jpeg);
    jpeg.client_data = &reader;
    jpeg.progress = &reader.progress;
    jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&jpeg, TRUE);
    if (std::int64_t{jpeg.image_width} * jpeg.image_height > kMostPicturePixels) reader.fail("more than 64 megapixels");
    if (jpeg.num_components != 1 && jpeg.num_components != 3)
        reader.fail("of CMYK or another colour space: convert it to RGB");
    jpeg.out_color_space = jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&jpeg);
    out.height = int(jpeg.output_height), out.width = int(jpeg.output_width), out.channels = jpeg.output_components;
    const std::size_t row = std::size_t(out.width) * std::size_t(out.channels);
    out.pixels.resize(std::size_t(out.height) * row);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW line = out.pixels.data() + jpeg.output_scanline * row;
        jpeg_read_scanlines(&jpeg, &line, 1);
    }
    reader.orientation = exif_orientation(exif_of(jpeg));  // the end takes the markers away
    jpeg_finish_decompress(&jpeg);
    return true;
}

}  // namespace

bool can_read_jpeg() { return true; }

Picture decode_jpeg(std::string_view bytes, const std::string& name) {
    if (static_cast<std::int64_t>(bytes.size()) > kMostPictureBytes) throw Error(name + ": the file is too large");
    JpegReader reader;
    reader.jpeg.err = jpeg_std_error(&reader.errors);
    reader.jpeg.client_data = &reader;
    reader.errors.error_exit = JpegReader::fail;
    reader.errors.emit_message = JpegReader::warn;
    reader.progress.progress_monitor = JpegReader::count_scans;
    Picture out;
    if (!read_rows(reader, bytes, out)) throw Error(name + ": the JPEG cannot be read (" + reader.error + ")");
    return upright(std::move(out), reader.orientation);
}

#endif

}  // namespace warpvae
