"""A serializer field for an uploaded picture."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers

from core.images import MAX_SIDE, CleanImage, ImageTooLarge, NotAnImage, clean_image


class ImageUpload(serializers.FileField):
    """A picture in a multipart body; what a view gets is a `CleanImage` of at most `max_side` pixels."""

    def __init__(self, *, max_side: int = MAX_SIDE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._max_side = max_side

    def to_internal_value(self, data: Any) -> CleanImage:  # type: ignore[override]
        if not isinstance(data, UploadedFile):
            self.fail("invalid")
        try:
            return clean_image(data, max_side=self._max_side)
        except (ImageTooLarge, NotAnImage) as refusal:
            raise serializers.ValidationError(refusal.detail, code=refusal.code) from None
