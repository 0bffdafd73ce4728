"""The forms of a product's and a review's page."""

from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile

from core.images import ImageTooLarge, NotAnImage, clean_image

_MOST_AT_ONCE = 1_000_000


class StockForm(forms.Form):
    """By how much the stock changes, and why."""

    change = forms.IntegerField(
        min_value=-_MOST_AT_ONCE,
        max_value=_MOST_AT_ONCE,
        help_text="How many came, or with a minus how many are missing.",
    )
    reason = forms.CharField(max_length=500, widget=forms.TextInput(attrs={"size": 80}))

    def clean_change(self) -> int:
        change: int = self.cleaned_data["change"]
        if change == 0:
            raise forms.ValidationError("Nothing would change.")
        return change


class ReasonForm(forms.Form):
    """Why a review is let in, kept out or looked at again."""

    reason = forms.CharField(max_length=500, required=False, widget=forms.TextInput(attrs={"size": 80}))

    def __init__(self, *args: Any, required: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = required


class ReasonedActionForm(ActionForm):
    """The list's action, and why it is taken."""

    reason = forms.CharField(max_length=500, required=False, widget=forms.TextInput(attrs={"size": 40}))


class ProductImageForm(forms.ModelForm):  # type: ignore[type-arg]
    """A picture of a product, by its address or as a file."""

    def clean_file(self) -> Any:
        """Write an uploaded picture anew."""
        file = self.cleaned_data.get("file")
        if not isinstance(file, UploadedFile):
            return file
        try:
            return ContentFile(clean_image(file).content, name="picture.jpg")
        except (ImageTooLarge, NotAnImage) as refusal:
            raise forms.ValidationError(refusal.detail) from None
