"""Pictures from outside: what is taken, what is left of it, what is refused."""

from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from core.images import ImageTooLarge, NotAnImage, clean_image, random_name
from tests.catalog.factories import picture


def opened(clean):
    image = Image.open(BytesIO(clean.content))
    image.load()
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_written_anew_as_a_jpeg(kind):
    upload = picture(40, 30, kind)
    clean = clean_image(upload)
    image = opened(clean)
    assert (image.format, image.size, clean.width, clean.height) == ("JPEG", (40, 30), 40, 30)
    red, green, blue = image.getpixel((20, 15))
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "I;16", "CMYK"])
def test_whatever_its_colours_are_it_becomes_rgb(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert opened(clean_image(picture(8, 8, kind, mode=mode, color=0))).mode == "RGB"


def test_what_is_transparent_becomes_white():
    image = opened(clean_image(picture(8, 8, mode="RGBA", color=(255, 0, 0, 0))))
    assert min(image.getpixel((4, 4))) > 250


def test_where_it_was_taken_is_gone_and_it_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "at home"
    clean = clean_image(picture(40, 30, "JPEG", exif=exif))
    assert (clean.width, clean.height) == (30, 40)
    assert b"at home" not in clean.content
    assert not opened(clean).getexif()


def test_a_large_one_is_made_small_in_proportion():
    assert opened(clean_image(picture(4000, 1000, "JPEG"))).size == (1600, 400)
    assert opened(clean_image(picture(4000, 1000), max_side=200)).size == (200, 50)


def test_what_hides_behind_a_picture_is_gone():
    upload = picture()
    polyglot = SimpleUploadedFile("x.png", upload.read() + b"<script>alert(1)</script>")
    assert b"script" not in clean_image(polyglot).content


def _cut(kind):
    whole = picture(400, 400, kind).read()
    return whole[: len(whole) // 2]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + b"\0" * 100,
        picture(kind="GIF").read(),
        picture(kind="BMP").read(),
        picture(kind="TIFF").read(),
        _cut("PNG"),
        _cut("JPEG"),
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 200,
    ],
    ids=["empty", "text", "svg", "fake gif", "gif", "bmp", "tiff", "cut png", "cut jpeg", "broken png"],
)
def test_what_is_no_picture_of_a_known_kind_is_refused(content):
    with pytest.raises(NotAnImage):
        clean_image(BytesIO(content))


def test_more_bytes_than_the_limit_are_refused(settings):
    settings.MAX_IMAGE_BYTES = 100
    with pytest.raises(ImageTooLarge):
        clean_image(picture(300, 300))


def test_few_bytes_that_would_unfold_to_many_pixels_are_refused():
    bomb = picture(8000, 8000, mode="1", color=0)
    assert bomb.size < 20_000
    with pytest.raises(ImageTooLarge):
        clean_image(bomb)


def test_names_are_not_guessed():
    names = {random_name() for _ in range(1000)}
    assert len(names) == 1000
    assert {len(name) for name in names} == {32}
